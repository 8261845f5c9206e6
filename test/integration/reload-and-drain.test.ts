import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { sseEvents, streamedText } from '../fakes/framing.ts';
import { freePorts } from '../fakes/free-ports.ts';
import { RawClient } from '../fakes/raw-client.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { CHAT, chat, eventually } from './fleet.ts';
import { arrivals, type Outcome, send } from './load.ts';

const JSON_LOG = { logging: { format: 'json', access: false } };

async function setup(
  t: { after(fn: () => Promise<void>): void },
  engines: number,
  more: Readonly<Record<string, unknown>> = {},
): Promise<{ engines: Engine[]; router: SpawnedRouter; config: Record<string, unknown> }> {
  const started = await Promise.all(
    Array.from({ length: engines }, () => startEngine({ models: ['m'], decodeRate: 100 })),
  );
  const config = configFor(
    started.map(({ url }) => ({ url, models: ['m'] })),
    { ...JSON_LOG, ...more },
  );
  const router = await spawnRouter({ config });
  t.after(async () => {
    await router.stop('SIGKILL');
    await Promise.all(started.map((engine) => engine.kill()));
  });
  return { engines: started, router, config };
}

const failed = (outcomes: readonly Outcome[]) => outcomes.filter(({ status, clean }) => status !== 200 || !clean);

describe('streams', () => {
  test('1,000 at once, each byte-exact and in order', async (t) => {
    const { router, engines } = await setup(t, 2);
    const outcomes = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) =>
        send(router.url, 'm', {
          stream: true,
          max_tokens: 10,
          messages: [{ role: 'user', content: `number ${index}` }],
        }),
      ),
    );
    assert.deepEqual(failed(outcomes).slice(0, 3), []);
    // The engine's text is a function of the prompt: the same prompt, asked directly, gives what must have come.
    for (let index = 0; index < 1_000; index += 50) {
      const direct = await send(engines[0]!.url, 'm', {
        max_tokens: 10,
        messages: [{ role: 'user', content: `number ${index}` }],
      });
      const expected = JSON.parse(direct.body).choices[0].message.content;
      assert.deepEqual(streamedText(sseEvents(outcomes[index]!.body)), [expected]);
    }
    await eventually(async () =>
      /vllm_router_inflight_requests\{[^}]*\} 0/.test(await (await fetch(`${router.url}/metrics`)).text()),
    );
  });
});

describe('reload', () => {
  test('again and again under 200 streams: none cut, no request failed; what is removed drains', async (t) => {
    const { router, config, engines } = await setup(t, 2);
    const streams = Array.from({ length: 200 }, () => send(router.url, 'm', { stream: true, max_tokens: 400 }));
    const load = arrivals(50, 3_500, () => send(router.url, 'm', { max_tokens: 2 }));
    const backends = (list: readonly Engine[]) => ({
      engines: { type: 'static', backends: list.map(({ url }) => ({ url, models: ['m'] })) },
    });
    for (let round = 0; round < 5; round++) {
      const discovery = backends(round % 2 === 0 ? engines.slice(0, 1) : engines);
      const settings = { ...config, discovery, defaults: { retry: { attempts: 1 + (round % 3) } } };
      await router.reload(settings, ({ msg }) => msg === 'config applied');
      // A bad one in between changes nothing.
      const refused = await router.reload(
        `${JSON.stringify({ ...config, discovery }).slice(0, -1)}, "routes": [{"name": 1}]}`,
      );
      assert.equal(refused['level'], 'error');
    }
    assert.deepEqual(failed(await load).slice(0, 3), []);
    assert.deepEqual(failed(await Promise.all(streams)).slice(0, 3), []);
  });

  test('who waits for a backend that is removed is told so at once, not at the end of its time', async (t) => {
    const limits = { inflightPerBackend: 1, queue: 10, queueTimeout: '5m' };
    const { router, config, engines } = await setup(t, 1, { defaults: { limits } });
    const running = send(router.url, 'm', { stream: true, max_tokens: 400 });
    await eventually(() => engines[0]!.running === 1);
    const waiting = [send(router.url, 'm', {}), send(router.url, 'm', {})];
    const queued = async () =>
      (await (await fetch(`${router.url}/metrics`)).text()).includes('_queued_requests{route="default",model="m"} 2');
    await eventually(queued);
    const other = { engines: { type: 'static', backends: [{ url: 'http://127.0.0.1:9', models: ['other'] }] } };
    await router.reload({ ...config, discovery: other });
    for (const outcome of await Promise.all(waiting)) {
      assert.equal(outcome.status, 503);
      assert.match(outcome.body, /"model_unavailable"/);
    }
    assert.deepEqual(failed([await running]), [], 'what runs there runs on');
  });

  test('listeners move to new addresses while their old ones finish', async (t) => {
    const { router, config } = await setup(t, 1);
    const port = await freePorts(1);
    const old = router.url;
    const stream = send(old, 'm', { stream: true, max_tokens: 150 });
    await eventually(async () => /inflight_requests\{[^}]*\} 1/.test(await (await fetch(`${old}/metrics`)).text()));
    const listeners = config['listeners'] as Record<string, Record<string, unknown>>;
    const moved = { ...listeners, public: { ...listeners['public'], bind: `127.0.0.1:${port}` } };
    assert.equal((await router.reload({ ...config, listeners: moved })).msg, 'config applied');
    assert.equal((await send(`http://127.0.0.1:${port}`, 'm')).status, 200);
    const outcome = await stream;
    assert.ok(outcome.clean, `${outcome.status} ${outcome.body.slice(-200)}`);
    // Nobody listens there any more.
    await assert.rejects(fetch(`${old}/health`));
    // An address that is taken: all or nothing.
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    t.after(async () => void holder.close());
    const taken = (holder.address() as { port: number }).port;
    const from = router.logs.length;
    await writeFile(
      router.configFile,
      JSON.stringify({
        ...config,
        listeners: { ...moved, extra: { bind: `127.0.0.1:${taken}` } },
        models: { aliases: { new: 'm' } },
      }),
    );
    await router.logged(({ level }) => level === 'error' || level === 'warn', from);
    assert.equal((await send(`http://127.0.0.1:${port}`, 'new')).status, 404);
    assert.equal((await send(`http://127.0.0.1:${port}`, 'm')).status, 200);
  });
});

describe('SIGTERM', () => {
  test('fault 64: 200 streams and steady requests: none refused, none cut inside the grace; health stays 200, ready does not', async (t) => {
    const { router } = await setup(t, 2, { shutdown: { delay: '1500ms', drain: '30s' } });
    const streams = Array.from({ length: 200 }, () => send(router.url, 'm', { stream: true, max_tokens: 300 }));
    await eventually(async () =>
      /inflight_requests\{[^}]*\} 200/.test(await (await fetch(`${router.url}/metrics`)).text()),
    );
    const exited = once(router.child, 'exit');
    router.signal('SIGTERM');
    const told = await router.logged(({ msg }) => msg === 'draining');
    assert.deepEqual([told['delay'], told['drain']], ['1s500ms', '30s'], 'with units');
    const fresh = new Agent({ keepAlive: false });
    const steady = arrivals(50, 1_200, () => send(router.url, 'm', { max_tokens: 2 }));
    const status = (path: string) =>
      new Promise<number>((resolve, reject) => {
        request(router.url + path, { agent: fresh }, (response) => {
          response.resume();
          resolve(response.statusCode!);
        })
          .on('error', reject)
          .end();
      });
    assert.equal(await status('/ready'), 503);
    assert.equal(await status('/health'), 200);
    assert.deepEqual(failed(await steady).slice(0, 3), []);
    assert.deepEqual(failed(await Promise.all(streams)).slice(0, 3), []);
    const [code] = await exited;
    assert.equal(code, 0);
  });

  test('fault 64: at the end of the grace streams are told and cut, and the engines’ work is aborted', async (t) => {
    const { router, engines } = await setup(t, 1, { shutdown: { delay: '0s', drain: '300ms' } });
    const stream = send(router.url, 'm', { stream: true, max_tokens: 3_000 });
    await eventually(() => engines[0]!.running === 1);
    const closed = once(router.child, 'close');
    router.signal('SIGTERM');
    const outcome = await stream;
    assert.equal(outcome.clean, false);
    assert.match(outcome.body, /"code":"server_shutting_down"\}\}\n\n$/);
    await eventually(() => engines[0]!.running === 0);
    assert.equal((await closed)[0], 0);
    assert.ok(router.logs.some(({ msg, cut }) => msg === 'stopped' && cut === 1));
  });

  test('fault 64: while the last streams end, listeners that forward nothing answer probes and scrapes', async (t) => {
    const { router, engines } = await setup(t, 1, { shutdown: { delay: '0s', drain: '60s' } });
    const stream = send(router.url, 'm', { stream: true, max_tokens: 600 });
    await eventually(() => engines[0]!.running === 1);
    const exited = once(router.child, 'exit');
    router.signal('SIGTERM');
    await eventually(() =>
      fetch(`${router.url}/health`).then(
        () => false,
        () => true,
      ),
    );
    const status = async (path: string) => (await fetch(router.adminUrl + path)).status;
    assert.deepEqual([await status('/health'), await status('/ready'), await status('/metrics')], [200, 503, 200]);
    const reload = await fetch(`${router.adminUrl}/admin/reload`, { method: 'POST' });
    const { failure } = (await reload.json()) as { failure?: string };
    assert.deepEqual([reload.status, failure], [409, 'the router is shutting down'], 'nothing is read any more');
    assert.ok((await stream).clean);
    assert.equal((await exited)[0], 0);
  });

  test('fault 64: a second signal ends it at once', async (t) => {
    const { router, engines } = await setup(t, 1, { shutdown: { delay: '60s', drain: '60s' } });
    const client = await RawClient.open(router.url);
    const body = JSON.stringify(chat('m', { stream: true, max_tokens: 3_000 }));
    client.send(
      `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await eventually(() => engines[0]!.running === 1);
    const exited = once(router.child, 'exit');
    router.signal('SIGTERM');
    await router.logged(({ msg }) => msg === 'draining');
    const started = performance.now();
    router.signal('SIGTERM');
    assert.equal((await exited)[0], 0);
    assert.ok(performance.now() - started < 50_000);
    assert.match((await client.response()).body.toString(), /server_shutting_down/);
    assert.ok(router.logs.some(({ msg }) => msg === 'cutting what is left: a second signal came'));
  });
});
