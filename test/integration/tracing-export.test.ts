import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { accept, OtlpCollector } from '../fakes/otlp-collector.ts';
import { rawRequest } from '../fakes/raw-client.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { chatRequest, eventually } from './fleet.ts';

interface Setup {
  readonly collector: OtlpCollector;
  readonly engine: Engine;
  readonly router: SpawnedRouter;
  config(tracing: object | undefined): Record<string, unknown>;
  ask(headers?: Record<string, string>): Promise<number>;
  /** Spans so far with this result. */
  count(result: string): Promise<number>;
}

/** A router with one engine, and what `use` does with them; all of them end with it. */
async function withRouter(
  tracing: (collector: OtlpCollector) => object | undefined,
  use: (setup: Setup) => Promise<void>,
): Promise<void> {
  const collector = await OtlpCollector.start();
  const engine = await startEngine({ models: ['m'], decodeRate: 2_000, logLimit: 10 });
  const config = (section: object | undefined) =>
    configFor([{ url: engine.url, models: ['m'] }], {
      logging: { format: 'json', access: false },
      ...(section && { tracing: section }),
    });
  const router = await spawnRouter({ config: config(tracing(collector)) });
  const ask = async (headers = {}) => (await rawRequest(router.url, { ...chatRequest('m'), headers })).status;
  const count = async (result: string) => {
    const { body } = await rawRequest(router.url, { path: '/metrics' });
    const found = new RegExp(`^vllm_router_trace_spans_total\\{result="${result}"\\} (\\d+)$`, 'm').exec(
      body.toString(),
    );
    return Number(found?.[1] ?? 0);
  };
  try {
    await use({ collector, engine, router, config, ask, count });
  } finally {
    await router.stop('SIGKILL');
    await engine.kill();
    await collector.stop();
  }
}

const toCollector = ({ url }: OtlpCollector) => ({ endpoint: url });
/** What the log says of the export. */
const reports = ({ logs }: SpawnedRouter) => logs.flatMap(({ msg }) => (msg?.startsWith('traces ') ? [msg] : []));
/** Of the last request of a client: the router's own come at any time. */
const header = (engine: Engine, name: string) => {
  const { headers } = engine.requests.findLast(({ method }) => method === 'POST')!;
  const at = headers.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === name);
  return at < 0 ? undefined : headers[at + 1];
};
const PARENT = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

test('a reload switches tracing on, moves it and switches it off; off, headers are passed on as they are', () =>
  withRouter(
    () => undefined,
    async ({ collector, engine, router, config, ask }) => {
      const invalid = { traceparent: 'what ever', tracestate: 'x' };
      await ask(invalid);
      assert.deepEqual([header(engine, 'traceparent'), header(engine, 'tracestate')], ['what ever', 'x']);
      await ask();
      assert.equal(header(engine, 'traceparent'), undefined);

      const line = await router.reload(config(toCollector(collector)));
      assert.match(String(line['changed']), /^\+ tracing: /);
      await ask({ traceparent: PARENT });
      await collector.trace((spans) => spans.length === 2);
      const other = await OtlpCollector.start();
      try {
        // What still waits for the first goes there.
        await ask();
        await router.reload(config({ ...toCollector(other), serviceName: 'moved' }));
        await ask();
        await collector.trace((spans) => spans.length === 4);
        const moved = await other.trace((spans) => spans.length === 2);
        assert.deepEqual(
          moved.map(({ service }) => service),
          ['moved', 'moved'],
        );
      } finally {
        await other.stop();
      }
      const off = await router.reload(config(undefined));
      assert.match(String(off['changed']), /^- tracing: /);
      await ask({ traceparent: PARENT });
      assert.equal(header(engine, 'traceparent'), PARENT);
      assert.deepEqual([collector.spans.length, reports(router)], [4, []]);
    },
  ));

test('the ratio is of requests without a parent; the others learn that they are not recorded', () =>
  withRouter(
    (collector) => ({ ...toCollector(collector), sampleRatio: 0 }),
    async ({ collector, engine, router, ask }) => {
      await ask();
      assert.match(header(engine, 'traceparent')!, /^00-[\da-f]{32}-[\da-f]{16}-00$/);
      await ask({ traceparent: PARENT });
      assert.match(header(engine, 'traceparent')!, new RegExp(`^00-${'a'.repeat(32)}-[\\da-f]{16}-01$`));
      const spans = await collector.trace((spans) => spans.length === 2);
      assert.deepEqual(new Set(spans.map(({ traceId }) => traceId)), new Set(['a'.repeat(32)]));
      assert.equal(await router.stop(), 0);
      assert.equal(collector.spans.length, 2);
    },
  ));

test('spans that wait are sent before the process ends', () =>
  withRouter(toCollector, async ({ collector, router, ask }) => {
    await ask();
    await ask();
    assert.equal(await router.stop(), 0);
    assert.equal(collector.spans.length, 4);
  }));

test('a collector that hangs: requests go on, the end waits for a moment only', () =>
  withRouter(toCollector, async ({ collector, router, ask }) => {
    collector.answer = () => {};
    await ask();
    await collector.until(() => collector.requests.length === 1);
    for (let i = 0; i < 20; i++) assert.equal(await ask(), 200);
    assert.ok(collector.connections === 1);
    const stopped = performance.now();
    assert.equal(await router.stop(), 0);
    const took = performance.now() - stopped;
    assert.ok(took > 1_500, `${took} ms`);
  }));

test('a collector that fails is tried again, and told of once each way', () =>
  withRouter(toCollector, async ({ collector, router, ask, count }) => {
    collector.answer = (response) => {
      response.statusCode = 503;
      response.setHeader('retry-after', '1');
      response.end('not now');
    };
    await ask();
    await router.logged(({ msg }) => msg === 'traces cannot be exported');
    await collector.until(() => collector.requests.length === 2);
    collector.answer = accept;
    await router.logged(({ msg }) => msg === 'traces are exported again');
    assert.equal(collector.spans.length, 2);
    assert.deepEqual([await count('exported'), await count('failed')], [2, 0]);
    assert.equal(collector.requests[0]!.body, collector.requests[1]!.body);

    collector.answer = (response) => {
      response.statusCode = 400;
      response.end();
    };
    await ask();
    await eventually(async () => (await count('failed')) === 2);
    collector.answer = (response) => response.end('{"partialSuccess":{"rejectedSpans":"1","errorMessage":"why not"}}');
    await ask();
    await eventually(async () => (await count('rejected')) === 1);
    assert.equal(await count('exported'), 3);
    const said = reports(router);
    assert.deepEqual(said, [
      'traces cannot be exported',
      'traces are exported again',
      'traces cannot be exported',
      'traces are exported again',
    ]);
  }));

test('nobody at the endpoint: spans are dropped, counted, and bounded; requests do not notice', () =>
  withRouter(
    () => ({ endpoint: 'http://127.0.0.1:1' }),
    async ({ router, ask, count }) => {
      const batch = () => Promise.all(Array.from({ length: 50 }, () => ask()));
      let lost = 0;
      for (let i = 0; i < 100 && lost === 0; i++) {
        assert.deepEqual(new Set(await batch()), new Set([200]));
        lost = await count('dropped');
      }
      assert.ok(lost > 0, 'nothing was dropped');
      assert.equal(await router.stop(), 0);
    },
  ));

test('a header whose secret changes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'otlp-'));
  const file = join(folder, 'authorization');
  writeFileSync(file, 'Bearer one\n');
  try {
    await withRouter(
      (collector) => ({ ...toCollector(collector), headers: { Authorization: { file } } }),
      async ({ collector, router, ask }) => {
        await ask();
        await collector.trace((spans) => spans.length === 2);
        const since = router.logs.length;
        writeFileSync(file, 'Bearer two\n');
        router.signal('SIGHUP');
        await router.logged(({ msg }) => msg === 'config applied', since);
        await ask();
        await collector.trace((spans) => spans.length === 4);
        assert.deepEqual(
          collector.requests.map(({ headers }) => headers.authorization),
          ['Bearer one', 'Bearer two'],
        );
        const shown = await rawRequest(router.adminUrl, { path: '/admin/config' });
        assert.ok(!shown.body.includes('Bearer') && shown.body.includes(file));
      },
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
