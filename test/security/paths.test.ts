import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { ENDPOINTS } from '../../src/pipeline/endpoints.ts';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { RawClient } from '../fakes/raw-client.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';

/** The second is reached below a path, which no request may leave. */
let engines: readonly Engine[];
let router: SpawnedRouter;
const BODY = '{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":1}';

before(async () => {
  engines = await Promise.all([startEngine({ models: ['m'] }), startEngine({ models: ['m'] })]);
  const backends = [
    { url: engines[0]!.url, models: ['m'] },
    { url: `${engines[1]!.url}/below/here`, models: ['m'] },
  ];
  router = await spawnRouter({ config: configFor(backends, { logging: { format: 'json', access: false } }) });
});
after(async () => {
  await router?.stop('SIGKILL');
  await Promise.all((engines ?? []).map((engine) => engine.kill()));
});

const PIECES = [
  ...[
    '/',
    '//',
    '\\',
    '.',
    '..',
    '/.',
    '/..',
    '%2e%2e',
    '%2E%2e/',
    '%2f',
    '%5c',
    '%00',
    '%0d%0a',
    '%20',
    '%25',
    '%c0%ae',
  ],
  ...['v1', 'V1', 'v2', 'chat', 'completions', 'models', 'pause', 'sleep', 'metrics', 'admin', 'config', 'reload'],
  ...[
    'invocations',
    'abort_requests',
    'load_lora_adapter',
    'inference',
    'below',
    'here',
    ';',
    ';a=b',
    '#',
    '?',
    '?id=',
  ],
  ...[
    '@',
    ':',
    '*',
    '~',
    '&',
    '%',
    '%zz',
    '%uff0f',
    '\u00e9',
    '\u017f',
    '\x00',
    '\t',
    'http://',
    'evil.example',
    '[::1]',
  ],
];
const tricky = fc.oneof(
  fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join('')),
  // A good path with something put into it.
  fc
    .tuple(fc.constantFrom(...ENDPOINTS.keys()), fc.nat(40), fc.constantFrom(...PIECES))
    .map(([path, at, piece]) => path.slice(0, at) + piece + path.slice(at)),
  fc.constantFrom(...ENDPOINTS.keys()).map((path) => `http://evil.example:80${path}`),
  fc.constantFrom(...ENDPOINTS.keys()).map((path) => [...path].map((c) => `%${c.charCodeAt(0).toString(16)}`).join('')),
);
const target = fc.tuple(fc.constantFrom('', '/'), tricky).map(([slash, text]) => slash + text);

/** Sends to this target and returns the status; 0 where the connection was only closed. */
async function ask(path: string, method: string, host: string): Promise<number> {
  const client = await RawClient.open(router.url);
  const head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n`;
  client.send(Buffer.from(`${head}content-length: ${BODY.length}\r\n\r\n${BODY}`, 'latin1'));
  try {
    return (await client.response(method)).status;
  } catch {
    return 0;
  } finally {
    client.destroy();
  }
}

/** What a target names, when it names one of the listed paths exactly as it is listed. */
function listed(path: string): boolean {
  return ENDPOINTS.has(path.split('?', 1)[0]!);
}

test('faults 41, 43: no request reaches a path or a host that is not listed, however its target is written', async () => {
  await fc.assert(
    fc.asyncProperty(
      target,
      fc.constantFrom('POST', 'POST', 'POST', 'GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'),
      fc.constantFrom('router', 'evil.example', '127.0.0.1:1', 'localhost'),
      async (path, method, host) => {
        const before = engines.map(({ requests }) => requests.length);
        await ask(path, method, host);
        for (const [index, engine] of engines.entries()) {
          for (const { url, method: sent, headers } of engine.requests.slice(before[index])) {
            if (sent === 'GET' && /^(?:\/below\/here)?\/(?:health|metrics)$/.test(url)) continue;
            const below = index === 1 ? '/below/here' : '';
            assert.ok(url.startsWith(below) && listed(url.slice(below.length)), `${path} became ${url}`);
            assert.ok(listed(path) && method === 'POST', `${method} ${path} became ${sent} ${url}`);
            const at = headers.findIndex((name, place) => place % 2 === 0 && name.toLowerCase() === 'host');
            assert.equal(headers[at + 1], new URL(engine.url).host);
          }
        }
      },
    ),
    { numRuns: 800 },
  );
  assert.equal(await ask('/v1/chat/completions', 'POST', 'router'), 200);
});

test('fault 43: engines’ own paths are nobody’s here', async () => {
  const paths = ['/pause', '/resume', '/invocations', '/abort_requests', '/inference/v1/generate', '/ping', '/load'];
  const more = ['/v1/load_lora_adapter', '/v1/unload_lora_adapter', '/reset_prefix_cache', '/server_info', '/docs'];
  for (const path of [...paths, ...more]) {
    for (const method of ['GET', 'POST']) assert.equal(await ask(path, method, 'router'), 404, `${method} ${path}`);
  }
  for (const path of ['/sleep', '/wake_up']) assert.equal(await ask(`${path}?id=x`, 'POST', 'router'), 403);
});
