import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { StatusMessage } from '../../src/admin/status-message.ts';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { RawClient, requestBytes } from '../fakes/raw-client.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { chatRequest } from '../simulator/requests.ts';
import { ask } from './ask.ts';

let engine: Engine;
let router: SpawnedRouter;
let config: Record<string, unknown>;
before(async () => {
  engine = await startEngine({ models: ['tiny-chat'], decodeRate: 20 });
  config = configFor(
    [
      { url: engine.url, models: ['tiny-chat'] },
      { url: 'http://127.0.0.1:9', models: ['idle'] },
    ],
    {
      stats: { engine: { interval: '1h' } },
      defaults: { health: { interval: '0s' } },
      reload: { debounce: '10ms' },
    },
  );
  router = await spawnRouter({ config });
});
after(async () => {
  await engine?.kill();
  await router?.stop();
});

/** One look at the status, over a bare socket. */
class Viewer {
  readonly client: RawClient;
  #seen = 0;

  private constructor(client: RawClient) {
    this.client = client;
  }

  static async open(): Promise<Viewer> {
    const client = await RawClient.open(router.adminUrl);
    client.send(requestBytes({ path: '/admin/events' }, client.host));
    return new Viewer(client);
  }

  get events(): string[] {
    return [...this.client.received.toString().matchAll(/^data: (.*)$/gm)].map(([, json]) => json!);
  }

  /** The next message that was not asked for yet. */
  async next(): Promise<{ message: StatusMessage; text: string }> {
    await this.client.until(() => this.events.length > this.#seen);
    const text = this.events[this.#seen++]!;
    return { message: JSON.parse(text) as StatusMessage, text };
  }
}

test('first everything, then what has changed; the same for everybody', async () => {
  const [one, other] = [await Viewer.open(), await Viewer.open()];
  const first = await one.next();
  assert.equal(first.message.full, true);
  assert.equal(first.message.config?.generation, 1);
  assert.deepEqual(
    Object.values(first.message.backends)
      .map(({ models }) => models[0])
      .sort(),
    ['idle', 'tiny-chat'],
  );
  assert.equal((await other.next()).message.full, true);
  const quiet = await one.next();
  assert.equal(quiet.message.full, false);
  assert.equal(quiet.message.config, undefined);
  assert.deepEqual([quiet.message.backends, quiet.message.live, quiet.message.gone], [{}, {}, []]);
  assert.equal((await other.next()).text, quiet.text);

  const client = await RawClient.open(router.url);
  client.send(requestBytes(chatRequest('hello', { max_tokens: 400 }), client.host));
  let changed = (await one.next()).message;
  while (Object.keys(changed.live).length === 0) changed = (await one.next()).message;
  const [key] = Object.keys(changed.live);
  assert.equal(first.message.backends[key!]?.models[0], 'tiny-chat');
  assert.equal(changed.router.inflight, 1);
  assert.equal(Object.keys(changed.live).length, 1, 'the idle one has not changed');
  client.destroy();
  for (const viewer of [one, other]) viewer.client.destroy();
});

test('a reload tells of new, changed and removed backends, and of the config', async () => {
  const viewer = await Viewer.open();
  const { backends } = (await viewer.next()).message;
  const idle = Object.entries(backends).find(([, { models }]) => models[0] === 'idle')![0];
  const discovery = { engines: { type: 'static', backends: [{ url: engine.url, models: ['tiny-chat', 'more'] }] } };
  assert.equal((await router.reload({ ...config, discovery })).msg, 'config applied');
  let { message } = await viewer.next();
  while (message.gone.length === 0) message = (await viewer.next()).message;
  assert.deepEqual(message.gone, [idle]);
  assert.deepEqual(Object.values(message.backends)[0]?.models, ['tiny-chat', 'more']);
  assert.equal(message.config?.last?.result, 'applied');
  assert.equal((await router.reload(config)).msg, 'config applied');
  viewer.client.destroy();
});

test('a reload that takes the listener’s admin away ends the stream; others are told to come later', async () => {
  const viewer = await Viewer.open();
  await viewer.next();
  const listeners = { ...(config['listeners'] as object), admin: { bind: '127.0.0.1:0', serve: ['health'] } };
  assert.equal((await router.reload({ ...config, listeners })).msg, 'config applied');
  await viewer.client.until((received) => received.toString('latin1').endsWith('\r\n0\r\n\r\n'));
  assert.equal((await ask(router.adminUrl, '/admin/events')).status, 404);
  assert.equal((await router.reload(config)).msg, 'config applied');
  viewer.client.destroy();
});

test('more than 16 viewers are refused, and make room when they leave', async () => {
  const viewers = await Promise.all(Array.from({ length: 16 }, () => Viewer.open()));
  await Promise.all(viewers.map((viewer) => viewer.next()));
  const refused = await ask(router.adminUrl, '/admin/events');
  assert.equal(refused.status, 503);
  assert.equal(refused.json.error.code, 'overloaded');
  for (const { client } of viewers) client.destroy();
  const again = await roomFor();
  assert.equal((await again.next()).message.full, true);
  again.client.destroy();
});

/** The router learns that the others have left when their sockets say so. */
async function roomFor(): Promise<Viewer> {
  for (;;) {
    const viewer = await Viewer.open();
    await viewer.client.until((received) => received.includes('\r\n\r\n'));
    if (viewer.client.received.includes('HTTP/1.1 200')) return viewer;
    viewer.client.destroy();
  }
}

test('the page: one document, nothing allowed but itself', async () => {
  const page = await ask(router.adminUrl, '/');
  assert.equal(page.status, 200);
  assert.equal(page.headers['content-type'], 'text/html; charset=utf-8');
  const policy = page.headers['content-security-policy'] ?? '';
  assert.match(
    policy,
    /^default-src 'none'; script-src 'sha256-[\w+/=]+'; style-src 'sha256-[\w+/=]+'; connect-src 'self'/,
  );
  assert.doesNotMatch(policy, /unsafe/);
  assert.equal(page.headers['x-content-type-options'], 'nosniff');
  assert.doesNotMatch(page.text, /(?:src|href|action)="(?!#|data:)|@import|url\(/);
  assert.doesNotMatch(page.text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(/);
  assert.equal((await ask(router.url, '/')).status, 404);
});
