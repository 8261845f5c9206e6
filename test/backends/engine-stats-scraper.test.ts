import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, test } from 'node:test';
import { EngineStatsScraper, type ScraperDeps, type ScrapeTarget } from '../../src/backends/engine-stats-scraper.ts';
import type { EngineStats } from '../../src/stats/facts.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** An engine of which the test decides every answer. */
class Engine {
  readonly server: Server;
  readonly requests: IncomingMessage[] = [];
  answer: (response: ServerResponse) => void = (response) => response.end('vllm:num_requests_running 3\n');

  constructor() {
    this.server = createServer((request, response) => {
      this.requests.push(request);
      this.answer(response);
    });
  }

  async start(id: string, more: Partial<ScrapeTarget> = {}): Promise<ScrapeTarget> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    cleanups.push(() => {
      this.server.closeAllConnections();
      this.server.close();
    });
    return { id, url: `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`, ...more };
  }
}

interface Told {
  readonly id: string;
  readonly stats: EngineStats | undefined;
}

function scraper(targets: ScrapeTarget[], config: { timeout?: number; interval?: number } = {}) {
  const told: Told[] = [];
  const failures: string[] = [];
  const waiters: (() => void)[] = [];
  const clock = { now: 1000 };
  const wake = () => {
    for (const waiter of waiters.splice(0)) waiter();
  };
  const deps: ScraperDeps = {
    targets: () => targets,
    now: () => clock.now,
    random: () => 0.5,
    onStats: ({ id }, stats) => {
      told.push({ id, stats });
      wake();
    },
    onFailure: ({ id }, error) => {
      failures.push(`${id}: ${error.message}`);
      wake();
    },
  };
  const subject = new EngineStatsScraper({ interval: 60_000, timeout: 2000, staleAfter: 90_000, ...config }, deps);
  cleanups.push(() => subject.stop());
  const until = async (done: () => boolean) => {
    while (!done()) await new Promise<void>((resolve) => waiters.push(resolve));
  };
  return { subject, told, failures, clock, until };
}

test('every backend is asked at once, with its key, and told apart from what is ours', async () => {
  const engines = [new Engine(), new Engine()];
  const targets = [
    await engines[0]!.start('a', { authorization: () => 'Bearer k', inflight: () => 2 }),
    await engines[1]!.start('b'),
  ];
  const { subject, told, until } = scraper(targets);
  subject.start();
  await until(() => told.length === 2);
  assert.equal(engines[0]!.requests[0]!.headers.authorization, 'Bearer k');
  assert.equal(engines[0]!.requests[0]!.url, '/metrics');
  assert.equal(engines[1]!.requests[0]!.headers.authorization, undefined);
  assert.equal(subject.stats('a')?.running, 3);
  assert.equal(subject.stats('a')?.ours, 2);
  assert.equal(subject.stats('b')?.ours, 0);
  assert.equal(subject.stats('nobody'), undefined);
});

test('a backend that never answers delays nobody, and is not asked again meanwhile', async () => {
  const slow = new Engine();
  slow.answer = () => {};
  const targets = [await slow.start('slow'), await new Engine().start('quick')];
  const { subject, told, until } = scraper(targets, { interval: 5 });
  subject.start();
  await until(() => told.length === 4);
  assert.ok(told.every(({ id }) => id === 'quick'));
  assert.equal(slow.requests.length, 1);
});

test('no answer in time, a bad status and a page of something else are failures, reported once in a row', async () => {
  const engine = new Engine();
  const target = await engine.start('a');
  const { subject, told, failures, until } = scraper([target], { timeout: 100 });
  engine.answer = () => {};
  subject.scrape(target);
  await until(() => failures.length === 1);
  engine.answer = (response) => response.end('vllm:num_requests_waiting 1\n');
  subject.scrape(target);
  // The failed one is under way until its promise has settled, so the first call may be dropped.
  while (told.length === 0) {
    subject.scrape(target);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(subject.failures('a'), 1);
  assert.equal(subject.stats('a')?.waiting, 1);
  engine.answer = (response) => response.writeHead(404).end('vllm:num_requests_running 1\n');
  subject.scrape(target);
  await until(() => failures.length === 2);
  assert.match(failures[1]!, /GET http:\S+\/metrics answered 404/);
  assert.equal(subject.stats('a')?.waiting, 1, 'one failure takes nothing away');
});

test('figures are given until they are too old, and then it is said once', async () => {
  const engine = new Engine();
  const target = await engine.start('a');
  const { subject, told, clock, until } = scraper([target], { interval: 5 });
  subject.start();
  await until(() => told.length === 1);
  engine.answer = (response) => response.destroy();
  clock.now += 90_001;
  assert.equal(subject.stats('a'), undefined);
  await until(() => told.at(-1)!.stats === undefined);
  const expired = told.length;
  engine.answer = (response) => response.end('vllm:num_requests_running 1\n');
  await until(() => told.length > expired);
  assert.equal(told.at(-1)!.stats?.running, 1);
  assert.equal(told.filter(({ stats }) => stats === undefined).length, 1);
});

test('one that has left is forgotten, and its scrape under way says nothing any more', async () => {
  const engine = new Engine();
  const target = await engine.start('a');
  const other = await new Engine().start('b');
  const { subject, told, until } = scraper([]);
  engine.answer = (response) => {
    subject.forget('a');
    response.end('vllm:num_requests_running 1\n');
  };
  subject.scrape(target);
  await once(engine.server, 'request');
  subject.scrape(other);
  await until(() => told.length === 1);
  await subject.stop();
  assert.deepEqual(
    told.map(({ id }) => id),
    ['b'],
  );
  assert.equal(subject.stats('a'), undefined);
});

test('a redirect is not followed: the key is for this backend alone', async () => {
  const engine = new Engine();
  const target = await engine.start('a', { authorization: () => 'Bearer k' });
  engine.answer = (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/metrics' }).end();
  const { subject, failures, until } = scraper([target]);
  subject.start();
  await until(() => failures.length === 1);
  assert.match(failures[0]!, /answered 302/);
});

test('at most 32 are asked at a time, and all in the end', async () => {
  const engine = new Engine();
  const open: ServerResponse[] = [];
  let most = 0;
  engine.answer = (response) => {
    open.push(response);
    most = Math.max(most, open.length);
    // Answers only when the scraper has no more to ask: the next turn with no new request.
    setImmediate(() => open.shift()?.end('vllm:num_requests_running 1\n'));
  };
  const { url } = await engine.start('any');
  const targets = Array.from({ length: 100 }, (_, index) => ({ id: `t${index}`, url }));
  const { subject, told, until } = scraper(targets);
  subject.start();
  await until(() => told.length === 100);
  assert.ok(most <= 32, `${most}`);
});

test('stopping cuts what runs and settles', async () => {
  const engine = new Engine();
  engine.answer = () => {};
  const target = await engine.start('a');
  const { subject, told, failures } = scraper([target]);
  subject.start();
  await once(engine.server, 'request');
  await subject.stop();
  subject.scrape(target);
  assert.deepEqual([told, failures], [[], []]);
});

test('since when an engine’s own figures stand still', async () => {
  const engine = new Engine();
  let tokens = 5;
  engine.answer = (response) =>
    response.end(
      `vllm:num_requests_running 1\nvllm:generation_tokens_total ${tokens}\nhttp_requests_total ${clock.now}\n`,
    );
  const targets = [await engine.start('a')];
  const { subject, told, clock, until } = scraper(targets);
  for (const [now, generated, since] of [
    [1_000, 5, 1_000],
    [2_000, 5, 1_000],
    [3_000, 6, 3_000],
    [4_000, 6, 3_000],
  ] as const) {
    clock.now = now;
    tokens = generated;
    const before = told.length;
    subject.scrape(targets[0]!);
    await until(() => told.length > before);
    assert.equal(told.at(-1)!.stats!.stillSince, since);
    // The scrape has been told of, and is over a moment later.
    await new Promise(setImmediate);
  }
});
