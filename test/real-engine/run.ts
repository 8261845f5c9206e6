import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import OpenAI from 'openai';
import { sseEvents, streamedText } from '../fakes/framing.ts';
import { RawClient, type RawRequest, requestBytes } from '../fakes/raw-client.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { cachedShare } from './cached-prefixes.ts';
import { EngineProcess, freePort } from './engine-process.ts';
import { Report, until } from './report.ts';
import { endOf, told } from './stream-end.ts';

/**
 * The router in front of two real engines, by hand: node test/real-engine/run.ts --model NAME --start 'COMMAND … --port {port}'
 * [--drain=FLAGS] [--limit=FLAGS] [--hangs] [--caches] [--pauses] [--only REGEXP] [--keep FOLDER]. The flags are added to the command for the
 * steps that need such an engine; `--hangs`: SIGTERM leaves requests without a byte, as vLLM's default does; `--caches`: its usage tells
 * cached tokens (vLLM: `--enable-prompt-tokens-details`); `--pauses`: it has `POST /pause` and `/resume` (vLLM: `VLLM_SERVER_DEV_MODE=1`);
 * `--only`: the steps of these names; `--keep`: the engines' output and the router's log go there.
 */
const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    start: { type: 'string' },
    drain: { type: 'string' },
    limit: { type: 'string' },
    hangs: { type: 'boolean', default: false },
    caches: { type: 'boolean', default: false },
    pauses: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    keep: { type: 'string' },
  },
});
const { model = '', start: command = '', keep } = values;
const report = new Report(new RegExp(values.only));
const ports = [await freePort(), await freePort()];
const engines = await Promise.all(ports.map((port) => EngineProcess.start(command, port, keep)));
const backends = engines.map(({ url }) => ({ url }));
const more = {
  logging: { level: 'info', format: 'json' },
  stats: { engine: { interval: '5s' } },
  defaults: { health: { interval: '2s' }, circuitBreaker: { openFor: '2s' } },
};
const router: SpawnedRouter = await spawnRouter({ config: configFor(backends, more) });
const sdk = new OpenAI({ baseURL: `${router.url}/v1`, apiKey: 'none', maxRetries: 0 });
const messages = [{ role: 'user' as const, content: 'Tell me a long story.' }];
/** ms until an engine that has come back gets its whole share. */
const SLOW_START = 10_000;
const long = { model, messages, max_tokens: 1_500, temperature: 0, ignore_eos: true };
const busy = async () =>
  (await Promise.all(engines.map((engine) => engine.busy().catch(() => 0)))).reduce((a, b) => a + b);
const idle = (timeout?: number) => until('engines idle', async () => (await busy()) === 0, timeout);

function chat(body: object): RawRequest {
  return { method: 'POST', path: '/v1/chat/completions', body };
}

async function open(body: object, url = router.url): Promise<RawClient> {
  const client = await RawClient.open(url);
  client.send(requestBytes(chat(body), client.host));
  return client;
}

async function stream(body: object = long): Promise<RawClient> {
  const client = await open({ ...body, stream: true });
  await client.until((received) => received.includes('"content"'));
  return client;
}

/** Streams until each engine has at least one; `onFirst`: how many of them the first one has. */
async function someAtEach(): Promise<{ clients: RawClient[]; onFirst: number }> {
  await idle();
  const clients: RawClient[] = [];
  for (;;) {
    clients.push(await stream());
    const [onFirst = 0, ...others] = await Promise.all(engines.map((engine) => engine.busy()));
    if (onFirst > 0 && others.every((count) => count > 0)) return { clients, onFirst };
    // One that came back a moment ago gets a growing share.
    if (clients.length >= 12) throw new Error('only one engine gets requests');
  }
}

async function inRotation(engine: EngineProcess): Promise<number> {
  return until('back in rotation', async () => {
    const from = router.logs.length;
    await Promise.all([1, 2, 3, 4].map(() => sdk.chat.completions.create({ model, messages, max_tokens: 2 })));
    await new Promise((resolve) => setTimeout(resolve, 100));
    return router.logs.slice(from).some((line) => line.msg === 'request' && line['backend'] === engine.url);
  });
}

await report.step('models: list and retrieve (SDK)', async () => {
  await until('models', async () => (await sdk.models.list()).data.some(({ id }) => id === model));
  return `\`${(await sdk.models.retrieve(model)).id}\``;
});
await report.step('chat (SDK)', async () => {
  const answer = await sdk.chat.completions.create({ model, messages, max_tokens: 8 });
  return `${answer.usage?.completion_tokens} tokens, finish_reason \`${answer.choices[0]!.finish_reason}\``;
});
await report.step('chat, streamed (SDK)', async () => {
  const chunks = [];
  const options = { model, messages, max_tokens: 20, stream: true as const, stream_options: { include_usage: true } };
  for await (const chunk of await sdk.chat.completions.create(options)) chunks.push(chunk);
  assert.ok(chunks.some((chunk) => chunk.choices[0]?.finish_reason));
  return `${chunks.length} chunks, usage of ${chunks.at(-1)!.usage?.completion_tokens} tokens`;
});
await report.step('the same text as from the engine itself', async () => {
  const body = { model, messages, max_tokens: 30, temperature: 0, seed: 1, stream: true };
  const texts = [];
  for (const url of [router.url, engines[0]!.url]) {
    const client = await open(body, url);
    texts.push(streamedText(sseEvents((await client.response()).body)).join());
    client.destroy();
  }
  assert.equal(texts[0], texts[1]);
  return `${texts[0]!.length} characters`;
});
for (const streamed of [true, false]) {
  await report.step(`client leaves, ${streamed ? 'streamed' : 'not streamed'}`, async () => {
    await idle();
    const client = streamed ? await stream() : await open(long);
    await until('one request at an engine', async () => (await busy()) === 1);
    client.destroy();
    return `the engine is idle after ${await idle(10_000)} ms`;
  });
}
await report.step('reload under a running stream', async () => {
  const client = await stream({ ...long, max_tokens: 300 });
  const line = await router.reload(configFor(backends, { ...more, models: { aliases: { 'other-name': model } } }));
  assert.equal(line.msg, 'config applied', JSON.stringify(line));
  const answer = await sdk.chat.completions.create({ model: 'other-name', messages, max_tokens: 2 });
  const end = await endOf(client);
  assert.ok(end.well, JSON.stringify(end));
  return `the alias answers (as \`${answer.model}\`), the stream ended well`;
});
if (values.caches) {
  await report.step('prefix-aware against round-robin: share of prompt tokens cached', async () => {
    const shares: number[] = [];
    for (const type of ['round-robin', 'prefix-aware'] as const) {
      const defaults = { ...more.defaults, algorithm: { type } };
      const line = await router.reload(configFor(backends, { ...more, defaults }));
      assert.equal(line.msg, 'config applied', JSON.stringify(line));
      shares.push(await cachedShare(sdk, model, type));
    }
    await router.reload(configFor(backends, more));
    const [robin = 0, aware = 0] = shares;
    assert.ok(aware > robin, `${aware} against ${robin}`);
    return `${Math.round(100 * aware)} % against ${Math.round(100 * robin)} %`;
  });
}
if (values.pauses) {
  await report.step('an engine that is paused (healthy, lists its model, generates nothing)', async () => {
    await idle();
    await fetch(`${engines[0]!.url}/pause`, { method: 'POST' });
    const started = performance.now();
    const options = { model, messages, max_tokens: 20 };
    const streams = Array.from({ length: 12 }, async () => {
      for await (const _ of await sdk.chat.completions.create({ ...options, stream: true }));
    });
    const plain = Array.from({ length: 4 }, () => sdk.chat.completions.create(options));
    const results = await Promise.allSettled([...streams, ...plain]);
    const took = ((performance.now() - started) / 1_000).toFixed(1);
    await fetch(`${engines[0]!.url}/resume`, { method: 'POST' });
    const answered = results.filter(({ status }) => status === 'fulfilled').length;
    assert.equal(answered, 16, JSON.stringify(results));
    return `12 of 12 streams and 4 of 4 plain requests answered by the other, the last after ${took} s; resumed, it gets requests ${await inRotation(engines[0]!)} ms later`;
  });
}
if (values.pauses) {
  await report.step('an engine that is paused, and no stream that shows it', async () => {
    await idle();
    await fetch(`${engines[0]!.url}/pause`, { method: 'POST' });
    const from = router.logs.length;
    const started = performance.now();
    const plain = Array.from({ length: 4 }, () => sdk.chat.completions.create({ model, messages, max_tokens: 20 }));
    await Promise.all(plain);
    const took = ((performance.now() - started) / 1_000).toFixed(1);
    const said = router.logs.slice(from).find(({ msg }) => msg?.startsWith('backend is given up'))?.msg;
    await fetch(`${engines[0]!.url}/resume`, { method: 'POST' });
    return `4 of 4 plain requests answered, the last after ${took} s ("${said}"); resumed, it gets requests ${await inRotation(engines[0]!)} ms later`;
  });
}
await report.step('kill -9 of one engine, streams at each', async () => {
  const { clients, onFirst } = await someAtEach();
  const waiting = Promise.all([1, 2, 3, 4].map(() => sdk.chat.completions.create({ ...long, max_tokens: 300 })));
  await until('more requests at the engines', async () => (await busy()) > clients.length);
  await engines[0]!.end();
  const ends = await Promise.all(clients.map(endOf));
  return `${told(ends, onFirst)}; ${(await waiting).length} of 4 requests without stream were answered`;
});
await report.step('requests while it is down', async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => sdk.chat.completions.create({ model, messages, max_tokens: 2 })),
  );
  return `${answers.length} of 20 answered`;
});
// It lives on where the step before was left out.
await engines[0]!.end();
engines[0] = await EngineProcess.start(command, ports[0]!, keep);
await report.step('it is started again', async () => `requests reach it ${await inRotation(engines[0]!)} ms later`);
await report.step('SIGTERM of one engine, streams at each', async () => {
  const { clients, onFirst } = await someAtEach();
  const waiting = sdk.chat.completions.create({ ...long, max_tokens: 600 });
  // It may fail while the streams are waited for.
  waiting.catch(() => {});
  await until('more requests at the engines', async () => (await busy()) > clients.length);
  engines[0]!.signal('SIGTERM');
  const ends = await Promise.all(clients.map(endOf));
  const answer = await waiting;
  const seen = values.hangs
    ? told(ends, onFirst)
    : `${ends.filter(({ well }) => well).length} of ${ends.length} streams ended well`;
  return `${seen}; the request without stream was answered: ${answer.usage?.completion_tokens} tokens`;
});
await engines[0]!.end();
if (values.drain !== undefined) {
  engines[0] = await EngineProcess.start(`${command} ${values.drain}`, ports[0]!, keep);
  await report.step(`an engine that drains (\`${values.drain}\`)`, async () => {
    await inRotation(engines[0]!);
    await new Promise((resolve) => setTimeout(resolve, SLOW_START));
    const { clients } = await someAtEach();
    engines[0]!.signal('SIGTERM');
    let direct = 0;
    await until('the engine refuses requests', async () => {
      const client = await open({ model, messages, max_tokens: 2 }, engines[0]!.url);
      direct = (await client.response()).status;
      return direct !== 200;
    });
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => sdk.chat.completions.create({ model, messages, max_tokens: 2 })),
    );
    const answered = results.filter(({ status }) => status === 'fulfilled').length;
    assert.equal(answered, 20);
    const ends = await Promise.all(clients.map(endOf));
    const well = ends.filter((end) => end.well).length;
    return `asked directly it says ${direct}; ${answered} of 20 requests through the router answered; ${well} of ${clients.length} streams ended well`;
  });
  await engines[0]!.end();
}
if (values.limit !== undefined) {
  engines[0] = await EngineProcess.start(`${command} ${values.limit}`, ports[0]!, keep);
  await report.step(`an engine at its limit (\`${values.limit}\`), and one without`, async () => {
    await inRotation(engines[0]!);
    const options = { model, messages, max_tokens: 50, stream: true as const };
    const results = await Promise.allSettled(
      Array.from({ length: 24 }, async () => {
        for await (const _ of await sdk.chat.completions.create(options));
      }),
    );
    const answered = results.filter(({ status }) => status === 'fulfilled').length;
    assert.equal(answered, 24);
    return `${answered} of 24 streams at once ended well`;
  });
  await report.step('only that engine', async () => {
    const line = await router.reload(configFor([backends[0]!], more));
    assert.equal(line.msg, 'config applied');
    const clients = await Promise.all(
      Array.from({ length: 16 }, () => open({ ...long, max_tokens: 100, stream: true })),
    );
    const answers = await Promise.all(clients.map((client) => client.response()));
    for (const client of clients) client.destroy();
    const count = (status: number) => answers.filter((answer) => answer.status === status).length;
    const refused = answers.find(({ status }) => status === 503);
    assert.equal(count(200) + count(503), 16);
    return `${count(200)} × 200, ${count(503)} × 503 with Retry-After ${refused?.headers['retry-after']}; never an error inside a 200`;
  });
}
await router.stop('SIGTERM');
await Promise.all(engines.map((engine) => engine.end()));
if (keep !== undefined) {
  writeFileSync(join(keep, 'router.log'), router.logs.map((line) => JSON.stringify(line)).join('\n'));
}
console.log(report.markdown());
process.exit(report.failed > 0 ? 1 : 0);
