import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { parseModelList, probeModels, sameCards } from '../../src/discovery/model-probe.ts';

async function serve(t: { after(f: () => void): void }, handler: http.RequestListener): Promise<string> {
  const server = http.createServer(handler);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const CARD = { id: 'm', object: 'model', created: 1, owned_by: 'vllm', root: 'm', parent: null, max_model_len: 2048 };

test('asks /v1/models below the prefix with the key and keeps unknown members', async (t) => {
  const seen: http.IncomingMessage[] = [];
  const url = await serve(t, (req, res) => {
    seen.push(req);
    res.end(JSON.stringify({ object: 'list', data: [CARD, { id: 'lora', parent: 'm' }, { id: 'm' }] }));
  });
  const cards = await probeModels(`${url}/engine`, { timeout: 5000, authorization: 'Bearer k' });
  assert.deepEqual(cards, [CARD, { id: 'lora', parent: 'm' }]);
  assert.equal(seen[0]?.url, '/engine/v1/models');
  assert.equal(seen[0]?.headers.authorization, 'Bearer k');
});

test('says what was wrong in one line', async (t) => {
  const answers: Record<string, http.RequestListener> = {
    '/401': (_, res) => res.writeHead(401).end('{"error":"Unauthorized"}'),
    '/redirect': (_, res) => res.writeHead(302, { location: '/elsewhere/v1/models' }).end(),
    '/html': (_, res) => res.end('<html>'),
    '/silent': () => {},
    '/cut': (_, res) => {
      res.writeHead(200, { 'content-length': 100 });
      res.write('{', () => res.destroy());
    },
  };
  const url = await serve(t, (req, res) => answers[req.url!.replace('/v1/models', '')]!(req, res));
  const fails = (path: string, message: RegExp, timeout = 5000) =>
    assert.rejects(probeModels(url + path, { timeout }), (error: Error) => {
      assert.match(error.message, message);
      assert.ok(error.message.startsWith(`GET ${url}${path}/v1/models `), error.message);
      return true;
    });
  await fails('/401', /answered 401$/);
  await fails('/redirect', /answered 302$/);
  await fails('/html', /did not answer a model list: not JSON$/);
  await fails('/silent', /did not answer within 50 ms$/, 50);
  await fails('/cut', /failed: \S+/);
  await assert.rejects(probeModels('http://127.0.0.1:1', { timeout: 5000 }), /failed: ECONNREFUSED$/);
});

test('cuts an answer without end', async (t) => {
  const url = await serve(t, (_, res) => {
    const chunk = Buffer.alloc(1 << 20, 32);
    const more = () => {
      if (!res.destroyed) res.write(chunk, more);
    };
    more();
  });
  await assert.rejects(probeModels(url, { timeout: 60_000 }), /sent more than 8388608 bytes$/);
});

test('aborts', async (t) => {
  const abort = new AbortController();
  const url = await serve(t, () => abort.abort(new Error('stopped')));
  await assert.rejects(probeModels(url, { timeout: 60_000, signal: abort.signal }), /stopped/);
});

test('refuses what is not a model list', () => {
  for (const [text, message] of [
    ['[]', /"data" is not an array/],
    ['null', /"data" is not an array/],
    ['{"data":{}}', /"data" is not an array/],
    ['{"data":["m"]}', /data\[0\] is not an object/],
    ['{"data":[{"id":"a"},{"id":7}]}', /data\[1\]\.id is not a name/],
    ['{"data":[{"id":""}]}', /data\[0\]\.id is not a name/],
    ['{"data":[{"id":"a","created":"now"}]}', /data\[0\]\.created is not a number/],
    ['{"data":[{"id":"a","owned_by":1}]}', /data\[0\]\.owned_by is not a string/],
    ['{"data":[{"id":"a","parent":1}]}', /data\[0\]\.parent is neither a string nor null/],
  ] as const) {
    assert.throws(() => parseModelList(text), message, text);
  }
  assert.deepEqual(parseModelList('{"data":[]}'), []);
});

test('vLLM renews created and permission in every answer; that is no change', () => {
  assert.ok(sameCards([CARD], [{ ...CARD, created: 2, permission: [{ id: 'modelperm-b' }] }]));
  assert.ok(!sameCards([CARD], [{ ...CARD, parent: 'base' }]));
  assert.ok(!sameCards([CARD], [CARD, { id: 'lora' }]));
});
