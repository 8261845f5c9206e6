import { isIPv6 } from 'node:net';
import type { DocumentView } from '../document.ts';
import { MAX_BACKENDS } from '../max-backends.ts';
import { matchesPattern } from '../pattern.ts';
import { didYouMean } from '../suggest.ts';
import type { Path } from '../tree.ts';
import { normaliseUrl } from '../url.ts';
import { checkedUrl, type UrlHints } from './url.ts';

/** What a file can know of a backend before anything runs. */
interface KnownBackend {
  readonly source: string;
  /** Undefined: it is asked for them at run time. */
  readonly models: readonly string[] | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

export function checkBackends(view: DocumentView): void {
  const backends = new Map<string, KnownBackend[]>();
  const seen = new Map<string, Path>();
  let count = 0;
  for (const [source, path] of view.entries(['discovery'])) {
    if (view.string([...path, 'type']) !== 'static') continue;
    const known: KnownBackend[] = [];
    for (const item of view.items([...path, 'backends'])) {
      checkUrl(view, [...item, 'url'], seen);
      // Once: it is one mistake, however many there are beyond.
      if (++count === MAX_BACKENDS + 1) {
        view.report('out-of-range', item, `one router can have ${MAX_BACKENDS} backends at most: this is one more`, {
          hint: 'give each router a part of them',
        });
      }
      const models = view.has([...item, 'models'])
        ? view.strings([...item, 'models']).map(({ value }) => value)
        : undefined;
      known.push({ source, models, labels: view.record([...item, 'labels']) });
    }
    backends.set(source, known);
  }
  for (const route of view.items(['routes'])) checkRoute(view, route, backends);
  const all = [...backends.values()].flat();
  if (all.length > 0 && backends.size === view.entries(['discovery']).length) checkAliases(view, all);
}

const HINTS: UrlHints = {
  wrong: (text) => {
    const ipv6 = /^(https?:\/\/)([0-9A-Fa-f:]+):(\d+)(\/\S*)?$/.exec(text);
    return ipv6 && isIPv6(ipv6[2]!) ? `write ${ipv6[1]}[${ipv6[2]}]:${ipv6[3]}${ipv6[4] ?? ''}` : undefined;
  },
  password: 'use apiKey: { env: NAME } or { file: PATH }',
};

function checkUrl(view: DocumentView, path: Path, seen: Map<string, Path>): void {
  const url = checkedUrl(view, path, HINTS);
  if (url === undefined) return;
  const normal = normaliseUrl(url.href)!;
  const base = /^(.*)\/v1(?:\/(?:chat\/completions|completions|embeddings|models|responses|messages))?$/.exec(
    normal,
  )?.[1];
  if (base !== undefined) {
    view.report(
      'url-with-api-path',
      path,
      'requests go to /v1/v1/…: the path of the URL is put before that of the request',
      {
        hint: `write ${base}`,
      },
    );
  }
  const first = seen.get(normal);
  if (first) {
    view.report('duplicate-backend', path, `the backend ${normal} stands already in ${view.where(first, path)}`, {
      related: view.related(first, 'first here'),
      hint: 'list all its models at one entry',
    });
  } else seen.set(normal, path);
}

function checkRoute(view: DocumentView, route: Path, bySource: ReadonlyMap<string, KnownBackend[]>): void {
  const from = view.strings([...route, 'backends', 'from']).map(({ value }) => value);
  // A cluster's pods are known only at run time.
  if (from.length === 0 || !from.every((source) => bySource.has(source))) return;
  const all = from.flatMap((source) => bySource.get(source)!);
  const where = view.record([...route, 'backends', 'where']);
  const selected = all.filter((backend) => hasLabels(backend, where));
  if (selected.length === 0 && all.length > 0) {
    view.report('no-backend', [...route, 'backends', 'where'], `no backend of ${from.join(', ')} has these labels`);
    return;
  }
  for (const role of ['prefill', 'decode']) {
    const path = [...route, 'algorithm', role, 'where'];
    if (view.has(path) && !selected.some((backend) => hasLabels(backend, view.record(path)))) {
      view.report('no-backend', path, `no backend of the route has these labels`);
    }
  }
  const served = servedModels(selected);
  if (!served) return;
  for (const { value, path } of view.strings([...route, 'match', 'models'])) {
    if (served.some((model) => matchesPattern(value, model))) continue;
    view.report('unserved-model', path, `no backend of the route serves ${JSON.stringify(value)}`, {
      hint: didYouMean(value, served),
    });
  }
}

function checkAliases(view: DocumentView, all: readonly KnownBackend[]): void {
  const served = servedModels(all);
  if (!served) return;
  const aliases = view.record(['models', 'aliases']);
  for (const [alias, model] of Object.entries(aliases)) {
    if (served.includes(model) || Object.hasOwn(aliases, model)) continue;
    view.report('unserved-model', ['models', 'aliases', alias], `no backend serves ${JSON.stringify(model)}`, {
      hint: didYouMean(model, served),
    });
  }
}

/** Every model of the backends, or undefined when one of them will be asked. */
function servedModels(backends: readonly KnownBackend[]): string[] | undefined {
  if (backends.some(({ models }) => models === undefined)) return undefined;
  return backends.flatMap(({ models }) => models!);
}

function hasLabels(backend: KnownBackend, where: Readonly<Record<string, string>>): boolean {
  return Object.entries(where).every(([label, value]) => backend.labels[label] === value);
}
