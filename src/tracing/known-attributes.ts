import type { BackendSpec } from '../backends/backend-spec.ts';
import type { Route } from '../pipeline/route.ts';
import { operationOf } from './operation.ts';
import { integer, text } from './otlp-json.ts';

/** Attributes that many requests have alike, put together once: they are most of a span. */
interface PathAttributes {
  readonly server: string;
  readonly client: string;
}

const paths = new Map<string, PathAttributes>();

/** Of one of the paths that are forwarded. */
export function pathAttributes(path: string): PathAttributes {
  let known = paths.get(path);
  if (known === undefined) {
    const client = text('http.request.method', 'POST') + operationOf(path);
    known = { client, server: client + text('http.route', path) + text('url.path', path) };
    paths.set(path, known);
  }
  return known;
}

const routes = new WeakMap<Route, string>();

export function routeAttributes(route: Route): string {
  let known = routes.get(route);
  if (known === undefined) {
    const { name, role, config } = route;
    known =
      text('vllm_router.route', role === undefined ? name : name.slice(0, -role.length - 1)) +
      text('vllm_router.algorithm', config.algorithm.type) +
      (role === undefined ? '' : text('vllm_router.role', role));
    routes.set(route, known);
  }
  return known;
}

interface BackendAttributes {
  /** Which it is. */
  readonly identity: string;
  /** Where it is. */
  readonly address: string;
}

const backends = new WeakMap<BackendSpec, BackendAttributes>();

export function backendAttributes(spec: BackendSpec): BackendAttributes {
  let known = backends.get(spec);
  if (known === undefined) {
    const identity = text('vllm_router.backend', spec.name) + text('vllm_router.backend_id', spec.id);
    known = { identity, address: addressOf(spec.url) };
    backends.set(spec, known);
  }
  return known;
}

/** Nothing for what is no URL: an attempt's end must not fail for its span. */
function addressOf(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) return '';
  const { hostname, port, protocol } = parsed;
  const usual = protocol === 'https:' ? 443 : 80;
  return (
    text('server.address', hostname.replace(/^\[|\]$/g, '')) +
    integer('server.port', port === '' ? usual : Number(port))
  );
}
