import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { ENDPOINTS } from '../../src/pipeline/endpoints.ts';
import { parseResponse, sseEvents } from '../fakes/framing.ts';
import { type RawResponse, rawRequest } from '../fakes/raw-client.ts';
import { loadRecording, type Recording } from '../fakes/recording.ts';
import { ReplayEngine } from '../fakes/replay-engine.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';

/** Every answer of a real engine to a path that is forwarded, replayed through the real router. */
const NAMES = ['vllm-0.32.0', 'llm-d-inference-sim', 'llama.cpp-server'].flatMap((engine) =>
  readdirSync(new URL(`../fixtures/wire/${engine}/`, import.meta.url))
    .filter((file) => file.endsWith('.http'))
    .map((file) => `${engine}/${file.slice(0, -5)}`),
);

interface Case {
  readonly name: string;
  readonly recording: Recording;
  readonly path: string;
  readonly contentType: string;
  readonly body: Buffer;
  readonly model: string | undefined;
}

/** Undefined: not the answer to a path that is forwarded, or about the connection between that client and the engine. */
function caseOf(name: string): Case | undefined {
  const [engine, file] = name.split('/') as [string, string];
  if (file.startsWith('transport-')) return undefined;
  const recording = loadRecording(file, engine);
  const end = recording.request.indexOf('\r\n\r\n');
  const head = recording.request.toString('latin1', 0, end);
  const [method, path] = head.split(' ', 2) as [string, string];
  if (method !== 'POST' || !ENDPOINTS.has(path)) return undefined;
  const contentType = /^content-type: *(.*)$/im.exec(head)?.[1] ?? '';
  const body = recording.request.subarray(end + 4);
  const model = /"model": *"([^"]+)"/.exec(body.toString())?.[1];
  return { name, recording, path, contentType, body, model };
}

const cases = NAMES.map(caseOf).filter((one) => one !== undefined);
let engine: ReplayEngine;
let router: SpawnedRouter;

before(async () => {
  engine = await ReplayEngine.start(({ head }) => {
    const name = /^x-recording: (.*)\r$/im.exec(head)?.[1];
    return name === undefined
      ? undefined
      : { recording: cases.find((one) => one.name === name)!.recording, segments: 'reads' };
  });
  const models = [...new Set(['whisper', ...cases.flatMap(({ model }) => model ?? [])])];
  const defaults = {
    health: { interval: '0s' },
    timeouts: { idle: '400ms', firstByte: '400ms', total: '3s' },
    circuitBreaker: { failures: 1_000 },
  };
  router = await spawnRouter({ config: configFor([{ url: engine.url, models }], { defaults }) });
});
after(async () => {
  await router.stop('SIGKILL');
  await engine.stop();
});

async function replay({ name, recording, path, contentType, body, model }: Case): Promise<string> {
  const before = engine.requests.filter(({ head }) => head.includes(`x-recording: ${name}\r`)).length;
  // Bodies that were shortened for the recording, and forms, stand for themselves by their model.
  const whole = body.length > 0 && isWhole(body, contentType);
  const sent = whole ? body : Buffer.from(JSON.stringify({ model: model ?? 'whisper', stream: isStream(recording) }));
  const target = whole || ENDPOINTS.get(path)!.body === 'json' ? path : '/v1/completions';
  const got = await rawRequest(router.url, {
    method: 'POST',
    path: target,
    headers: { 'content-type': whole ? contentType : 'application/json', 'x-recording': name },
    body: sent,
  });
  const reached = engine.requests.filter(({ head }) => head.includes(`x-recording: ${name}\r`)).length > before;
  if (!reached) {
    assert.ok(got.status >= 400 && got.status < 500, `${name}: refused by the router with ${got.status}`);
    return 'refused';
  }
  return compare(name, recording, got, target);
}

function isStream({ response }: Recording): boolean {
  return /content-type: text\/event-stream/i.test(response.toString('latin1', 0, 1_000));
}

function isWhole(body: Buffer, contentType: string): boolean {
  if (contentType.startsWith('multipart/')) return body.toString('latin1').trimEnd().endsWith('--');
  try {
    JSON.parse(body.toString());
    return true;
  } catch {
    return body.length < 1_000;
  }
}

/** What the client must get of this answer; returns which rule applied. */
function compare(name: string, recording: Recording, got: RawResponse, path: string): string {
  const ended = recording.end === 'fin' || recording.end === 'rst';
  const answer = parseResponse(recording.response, 'POST', ended);
  if (answer === undefined) {
    assert.ok(got.status >= 502, `${name}: ${got.status}`);
    return 'no answer';
  }
  if (!isStream(recording)) {
    if (!answer.complete) {
      assert.ok(got.status >= 502, `${name}: ${got.status}`);
      return 'cut answer';
    }
    if (answer.status === 404 && !answer.body.includes('"error"')) {
      assert.equal(JSON.parse(got.body.toString()).error.code, 'endpoint_not_served');
      return 'wrong kind';
    }
    assert.equal(got.status, answer.status, name);
    assert.deepEqual(got.body, answer.body, name);
    assert.ok(got.clean);
    return 'same answer';
  }
  const events = sseEvents(answer.body);
  if (events.length === 0) {
    assert.ok(got.status >= 502, `${name}: ${got.status}`);
    return 'no event';
  }
  const error = errorOf(events[0]!.data);
  if (error !== undefined) {
    assert.equal(got.status, typeof error.code === 'number' ? error.code : 500, name);
    assert.deepEqual(JSON.parse(got.body.toString()).error, error);
    return 'first event';
  }
  if (answer.complete && (isFinished(answer.body, path) || events.some(({ data }) => errorOf(data)))) {
    assert.equal(got.status, answer.status);
    assert.equal(got.body.toString(), answer.body.toString(), name);
    assert.ok(got.clean, name);
    return 'same stream';
  }
  assert.equal(got.clean, false, name);
  const sent = sseEvents(got.body);
  const last = sent.pop()!;
  assert.ok(errorOf(last.data) !== undefined, `${name}: ${last.data}`);
  assert.deepEqual(sent, events.slice(0, sent.length), name);
  return 'broken stream';
}

function isFinished(body: Buffer, path: string): boolean {
  if (path === '/v1/messages') return body.includes('event: message_stop');
  if (path === '/v1/responses') return /event: response\.(completed|incomplete|failed)/.test(body.toString());
  return /chat\/completions|\/completions/.test(path) ? /"finish_reason": ?"/.test(body.toString()) : true;
}

function errorOf(data: string): { code?: unknown } | undefined {
  try {
    const { error } = JSON.parse(data) as { error?: { code?: unknown } | null };
    return error ?? undefined;
  } catch {
    return undefined;
  }
}

test('every recorded answer reaches the client as it was, or as the rules say', async () => {
  const rules = new Map<string, number>();
  const left = [...cases];
  const failures: Error[] = [];
  await Promise.all(
    Array.from({ length: 12 }, async () => {
      for (let one = left.pop(); one !== undefined; one = left.pop()) {
        try {
          const rule = await replay(one);
          rules.set(rule, (rules.get(rule) ?? 0) + 1);
        } catch (error) {
          failures.push(new Error(`${one.name}: ${(error as Error).message}`, { cause: error }));
        }
      }
    }),
  );
  assert.deepEqual(
    failures.map(({ message }) => message),
    [],
  );
  for (const rule of [
    'same answer',
    'same stream',
    'first event',
    'broken stream',
    'no answer',
    'wrong kind',
    'refused',
  ]) {
    assert.ok((rules.get(rule) ?? 0) > 0, `no recording for "${rule}": ${JSON.stringify([...rules])}`);
  }
  assert.ok((rules.get('same answer') ?? 0) > 50, JSON.stringify([...rules]));
});
