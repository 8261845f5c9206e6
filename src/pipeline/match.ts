import type { BackendRegistry } from '../backends/registry.ts';
import { RouterError } from '../errors.ts';
import { formModel } from '../proxy/form-model.ts';
import type { NameMatcher } from './glob.ts';
import type { RoutedRequest } from './routed-request.ts';
import { matchRoute } from './snapshot.ts';

/** Takes the model from the body, whose members have been read, follows aliases and finds the route. Throws what the client did wrong, before any upstream byte. */
export function match(routed: RoutedRequest, registry: BackendRegistry): void {
  const named = routed.endpoint.body === 'json' ? jsonModel(routed) : formModelOf(routed);
  routed.askedModel = named.model;
  const target = routed.snapshot.aliases.get(routed.askedModel);
  routed.model = target ?? routed.askedModel;
  routed.modelSeen = registry.hasSeenModel(routed.model);
  checkAllowed(routed.mayUse, routed.askedModel, target);
  if (target !== undefined) renameModel(routed, named.range, target);
  const route = matchRoute(routed.snapshot, routed.model, routed.headers);
  if (route === undefined) {
    routed.flag = 'NR';
    throw new RouterError('model_not_found', { model: routed.askedModel });
  }
  routed.route = route;
  pin(routed, registry);
}

/** Asked before whether there is such a model, which is not everybody's business. `target`: what `asked` is an alias of. */
export function checkAllowed(mayUse: NameMatcher | undefined, asked: string, target: string | undefined): void {
  if (mayUse === undefined || mayUse(asked) || (target !== undefined && mayUse(target))) return;
  throw new RouterError('model_not_allowed', { model: asked.slice(0, 200) });
}

interface NamedModel {
  readonly model: string;
  readonly range: readonly [start: number, end: number];
}

function jsonModel(routed: RoutedRequest): NamedModel {
  const members = routed.members!;
  const range = members.range('model');
  if (range === undefined) throw new RouterError('missing_model');
  const model = members.value('model');
  if (typeof model !== 'string') throw new RouterError('invalid_model');
  routed.stream = members.value('stream') === true;
  return { model, range };
}

function formModelOf(routed: RoutedRequest): NamedModel {
  const form = formModel(routed.body, routed.headers['content-type'] ?? '');
  if (form === undefined) throw new RouterError('missing_model');
  if ('fault' in form) throw new RouterError('invalid_form', { detail: form.fault });
  return form;
}

/** An alias changes the byte range of one member and nothing else. */
function renameModel(routed: RoutedRequest, range: NamedModel['range'], target: string): void {
  const { body, members } = routed;
  const value = Buffer.from(members === undefined ? target : JSON.stringify(target));
  routed.body = Buffer.concat([body.subarray(0, range[0]), value, body.subarray(range[1])]);
  routed.members = members?.moved(routed.body, range, routed.body.length - body.length);
}

/** `?id=` names one engine by its opaque id, never an address. */
function pin(routed: RoutedRequest, registry: BackendRegistry): void {
  if (routed.query === '') return;
  const id = new URLSearchParams(routed.query).get('id');
  if (id === null) return;
  const backend = registry.byEngineId(id);
  if (backend === undefined || !routed.route!.candidates.all(routed.model).includes(backend)) {
    throw new RouterError('engine_not_found', { id: id.slice(0, 100) });
  }
  routed.pinned = backend;
}
