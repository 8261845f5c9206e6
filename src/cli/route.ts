import { performance } from 'node:perf_hooks';
import { explainRoute, type RouteAnswer } from '../admin/explain-route.ts';
import type { RouteQuestion } from '../admin/route-question.ts';
import { BackendRegistry } from '../backends/registry.ts';
import type { Config } from '../config/config.ts';
import { formatDiagnostics } from '../config/format.ts';
import { createStaticSource } from '../discovery/static.ts';
import { SocketPool } from '../proxy/upstream/socket-pool.ts';
import { buildSnapshot } from '../runtime/build-snapshot.ts';
import { askRouter } from './admin-client.ts';
import { EXIT, type Invocation } from './argv.ts';
import { type Io, textStyle } from './io.ts';
import { loadFrom } from './load.ts';
import { formatAnswer } from './route-text.ts';

const now = () => performance.now();

/** `route --model X`: which rule takes a request, who may serve it, who would and why. Exits 1 when nobody would. */
export async function runRoute(invocation: Invocation, io: Io): Promise<number> {
  const { options, repeated } = invocation;
  const headers: Record<string, string> = {};
  for (const { name, value } of repeated) {
    if (name !== 'header') continue;
    const equals = value.indexOf('=');
    if (equals < 1) return misuse(`argument --header: expected NAME=VALUE, got '${value}'`, io);
    headers[value.slice(0, equals).toLowerCase()] = value.slice(equals + 1);
  }
  const model = options.get('model');
  if (!model) return misuse('--model is required', io);
  const question = { model, headers, session: options.get('session'), prompt: options.get('prompt') };
  const answer = await answerOf(question, invocation, io);
  if (answer === undefined) return EXIT.failed;
  io.out(options.get('format') === 'json' ? `${JSON.stringify(answer, null, 2)}\n` : formatAnswer(answer));
  return answer.legs.length > 0 && answer.legs.every(({ candidates }) => candidates.some(({ available }) => available))
    ? EXIT.ok
    : EXIT.failed;
}

function misuse(problem: string, io: Io): number {
  io.err(`usage: vllm-router route [options] --model MODEL\nvllm-router: error: ${problem}\n`);
  return EXIT.usage;
}

async function answerOf(
  question: RouteQuestion,
  { options, overlay, config, args }: Invocation,
  io: Io,
): Promise<RouteAnswer | undefined> {
  const url = options.get('against');
  if (url !== undefined) {
    try {
      return (await askRouter(url, '/admin/route', io.env, question)) as RouteAnswer;
    } catch (error) {
      io.err(`vllm-router route: ${(error as Error).message}\n`);
      return undefined;
    }
  }
  const path = args[0] ?? config ?? (options.has('service-discovery') ? undefined : 'router.yaml');
  const { loaded, diagnostics, files } = await loadFrom(path, overlay, io);
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  io.err(formatDiagnostics(errors, 'text', textStyle(io, files)));
  return loaded?.config && explainOffline(loaded.config, question);
}

/** From the file alone: static backends count as ready and idle, and serve what is asked for where their models are not given. */
function explainOffline(config: Config, question: RouteQuestion): RouteAnswer {
  const registry = new BackendRegistry({ createPool: (url) => new SocketPool(url, now), now });
  const target = config.models.aliases[question.model] ?? question.model;
  const notes: string[] = [];
  for (const source of Object.values(config.discovery)) {
    if (source.type !== 'static') {
      notes.push(`what ${source.name} finds is known only to a running router: ask it with --against`);
      continue;
    }
    const asked = source.backends.filter(({ models }) => models === undefined);
    if (asked.length > 0) {
      notes.push(`${asked.map(({ url }) => url).join(', ')}: asked for models at run time, assumed to serve this one`);
    }
    const backends = source.backends.map((backend) => ({ models: [target], ...backend }));
    createStaticSource({ ...source, backends }, { resolveSecret: () => undefined }).start((specs) =>
      registry.publish(source.name, specs),
    );
  }
  const snapshot = buildSnapshot(config, '', undefined, registry, { random: Math.random, now });
  const answer = explainRoute(snapshot, question, registry, now());
  // What other sources find may serve it.
  const isOpen = answer.route !== null && Object.values(config.discovery).some(({ type }) => type !== 'static');
  return { ...answer, error: isOpen ? null : answer.error, notes: [...answer.notes, ...notes] };
}
