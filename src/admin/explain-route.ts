import { isLessUsed } from '../algorithms/lighter.ts';
import { sessionKeyReader } from '../algorithms/session-key.ts';
import type { Backend } from '../backends/backend.ts';
import type { BackendRegistry } from '../backends/registry.ts';
import type { AlgorithmConfig } from '../config/config.ts';
import { type ErrorCode, RouterError } from '../errors.ts';
import { codeWithoutBackend } from '../pipeline/conclude.ts';
import { nameMatcher } from '../pipeline/glob.ts';
import type { Route } from '../pipeline/route.ts';
import type { Snapshot } from '../pipeline/snapshot.ts';
import { AskedRequest, type RouteQuestion, sessionPlace } from './route-question.ts';

/** What would become of a request, and why. Nothing is sent and no algorithm takes a turn. */
export interface RouteAnswer {
  /** As asked, and after aliases. */
  readonly model: string;
  readonly target: string;
  /** In order, up to the one that matches. */
  readonly rules: readonly { readonly route: string; readonly matches: boolean; readonly why: string }[];
  /** The route that serves it: the one that matches, or its first fallback that can. */
  readonly route: string | null;
  readonly algorithm: AlgorithmConfig | null;
  /** One, or one for each role of a disaggregated route. */
  readonly legs: readonly ExplainedLeg[];
  /** What the client would be told in place of an engine's answer; null where a backend can be asked. */
  readonly error: ExplainedError | null;
  readonly notes: readonly string[];
}

export interface ExplainedError {
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly why: string;
}

export interface ExplainedLeg {
  readonly role: 'prefill' | 'decode' | null;
  readonly candidates: readonly ExplainedCandidate[];
  /** URL; null when there is none, or when chance decides. */
  readonly backend: string | null;
  readonly why: string;
}

export interface ExplainedCandidate {
  readonly name: string;
  readonly url: string;
  readonly state: Backend['state'];
  /** May get it. */
  readonly available: boolean;
  readonly weight: number;
  /** By the algorithm; the least is its choice. */
  readonly score: number | null;
  /** Share of the prompt believed to be in its cache, 0..1. */
  readonly matched: number | null;
}

export function explainRoute(
  snapshot: Snapshot,
  question: RouteQuestion,
  registry: BackendRegistry,
  now: number,
): RouteAnswer {
  const { model } = question;
  const target = snapshot.aliases.get(model) ?? model;
  const rules = [];
  let found: Route | undefined;
  for (const route of snapshot.routes) {
    const mismatch = whyNot(route, target, question.headers);
    rules.push({ route: route.name, matches: mismatch === undefined, why: mismatch ?? 'matches' });
    if (mismatch !== undefined) continue;
    found = route;
    break;
  }
  if (found === undefined) {
    const error = errorOf('model_not_found', model, 'no route matches');
    return { model, target, rules, route: null, algorithm: null, legs: [], error, notes: [] };
  }
  const options = [found, ...found.config.fallback.flatMap((name) => snapshot.routesByName.get(name) ?? [])];
  const tried = options.map((route) => ({ route, legs: legsOf(route, target, question, now) }));
  const serving = tried.findIndex(({ legs }) => legs.every(canServe));
  const { route, legs } = tried[Math.max(0, serving)]!;
  const notes = options
    .slice(0, Math.max(0, serving))
    .map(({ name }) => `${name} has no backend for it now: its next fallback is asked`);
  const error = serving < 0 ? unserved(question.model, target, found, tried.at(-1)!.legs, registry) : null;
  if (error && options.length > 1) notes.push('no fallback has a backend for it either');
  return { model, target, rules, route: route.name, algorithm: route.config.algorithm, legs, error, notes };
}

/** As requests are told: by the route that matches whether there is such a model, by the last one tried which half is missing. */
function unserved(
  model: string,
  target: string,
  route: Route,
  legs: readonly ExplainedLeg[],
  registry: BackendRegistry,
): ExplainedError {
  const inRoute = route.candidates.all(target).length > 0;
  const seen = registry.hasSeenModel(target);
  // The backend that is to answer is looked for first.
  const missing = legs.findLast((leg) => !canServe(leg));
  const role = missing?.role ?? undefined;
  const why = role
    ? `${role}: ${missing!.why}`
    : inRoute
      ? 'backends of the route serve the model, and none can take a request now'
      : seen
        ? 'no backend of the route serves the model; another one does, or did'
        : route.candidates.unsettled
          ? 'no backend serves the model, or has served it, but not all have said which they serve'
          : 'no backend serves the model, or has served it';
  return errorOf(codeWithoutBackend(inRoute || seen, route.candidates, role), model, why);
}

function errorOf(code: ErrorCode, model: string, why: string): ExplainedError {
  const { status, message } = new RouterError(code, { model });
  return { status, code, message, why };
}

function canServe({ candidates }: ExplainedLeg): boolean {
  return candidates.some(({ available }) => available);
}

function whyNot(route: Route, model: string, headers: RouteQuestion['headers']): string | undefined {
  const { match } = route.config;
  if (!nameMatcher(match.models)(model)) return `the model does not match ${match.models.join(', ')}`;
  for (const [name, wanted] of Object.entries(match.headers)) {
    if (headers[name] === undefined) return `there is no header ${name}`;
    if (!nameMatcher([wanted])(headers[name])) return `the header ${name} does not match ${wanted}`;
  }
  return undefined;
}

function legsOf(route: Route, model: string, question: RouteQuestion, now: number): ExplainedLeg[] {
  const { roles } = route;
  if (roles === undefined) return [legOf(route, model, question, now)];
  return [legOf(roles.prefill, model, question, now), legOf(roles.decode, model, question, now)];
}

function legOf(route: Route, model: string, question: RouteQuestion, now: number): ExplainedLeg {
  const role = route.role ?? null;
  const all = route.candidates.all(model);
  const available = route.candidates.available(model, [], now);
  const request = new AskedRequest(question, model, route.config.algorithm);
  const opinions = available.length === 0 ? [] : (route.algorithm.explain?.(available, request) ?? []);
  const opinionOf = new Map(available.map((backend, at) => [backend, opinions[at]]));
  const candidates = all.map((backend) => ({
    name: backend.spec.name,
    url: backend.url,
    state: backend.state,
    available: opinionOf.has(backend),
    weight: backend.weight,
    score: opinionOf.get(backend)?.score ?? null,
    matched: opinionOf.get(backend)?.matched ?? null,
  }));
  if (available.length === 0) {
    const why = all.length === 0 ? 'no backend of the route serves the model' : 'no backend can take a request now';
    return { role, candidates, backend: null, why };
  }
  const [only] = available;
  if (only !== undefined && available.length === 1) {
    // Only when there is no better one may it get requests then.
    const why =
      only.state === 'ready' ? 'it is the only one' : `it is ${only.state}, and tried because nobody is ready`;
    return { role, candidates, backend: only.url, why };
  }
  const algorithm = deciding(route.config.algorithm, request);
  const least = leastOf(available, (backend) => opinionOf.get(backend)?.score, algorithm.config.type);
  const chance = algorithm.config.type === 'random' || algorithm.config.type === 'power-of-two';
  const backend = chance || least === undefined ? null : least.url;
  return { role, candidates, backend, why: `${algorithm.because}${REASONS[algorithm.config.type]}` };
}

/** The algorithm that has the last word: a session's `otherwise` where there is no session. */
function deciding(config: AlgorithmConfig, request: AskedRequest): { config: AlgorithmConfig; because: string } {
  if (config.type === 'session') {
    const place = sessionPlace(config);
    const key = sessionKeyReader(config)(request);
    const where = place === undefined ? 'session key' : `${place.kind} ${place.name}`;
    if (key !== undefined) return { config, because: `session ${JSON.stringify(key)} (${where}): ` };
    const other = deciding(config.otherwise, request);
    return { config: other.config, because: `no session (${where}), so by ${config.otherwise.type}: ${other.because}` };
  }
  if (config.type === 'prefix-aware' && request.promptRange() === undefined) {
    const other = deciding(config.otherwise, request);
    return { config: other.config, because: `no prompt, so by ${config.otherwise.type}: ${other.because}` };
  }
  return { config, because: '' };
}

const REASONS: Readonly<Record<AlgorithmConfig['type'], string>> = {
  'round-robin': 'its turn is next',
  random: 'chance decides, by weight',
  'power-of-two': 'the one with the least score of two that chance draws',
  'least-load': 'it has the least outstanding work',
  session: 'it has this place on the hash ring',
  'prefix-aware': 'the least work, with what its cache saves',
  'disaggregated-prefill': '',
};

function leastOf(
  backends: readonly Backend[],
  score: (backend: Backend) => number | undefined,
  type: AlgorithmConfig['type'],
): Backend | undefined {
  let least: Backend | undefined;
  for (const backend of backends) {
    const [mine, best] = [score(backend), least && score(least)];
    if (mine === undefined) return undefined;
    const tied = mine === best && type !== 'round-robin' && isLessUsed(backend, least!);
    if (best === undefined || mine < best || tied) least = backend;
  }
  return least;
}
