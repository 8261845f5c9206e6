import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Config, Secret } from '../../src/config/config.ts';
import { KeySet } from '../../src/runtime/key-set.ts';
import { Secrets } from '../../src/runtime/secrets.ts';

const dir = mkdtempSync(join(tmpdir(), 'secrets-'));
test.after(() => rmSync(dir, { recursive: true }));
const file = (name: string, text?: string) => {
  if (text !== undefined) writeFileSync(join(dir, name), text);
  return join(dir, name);
};

/** What of a config matters here. */
function config(apiKey: Secret, keys?: Secret): Config {
  const backends = [
    { url: 'http://a', labels: {}, weight: 1 },
    { url: 'http://b', labels: {}, weight: 1, apiKey },
  ];
  return {
    listeners: { public: { tls: { certFile: '/tls/crt', keyFile: '/tls/key' } } },
    auth: keys ? { team: { type: 'api-key', keys } } : {},
    discovery: { lab: { type: 'static', name: 'lab', backends, refresh: 1 } },
  } as unknown as Config;
}

test('a key from a file without the white space around it, or from the environment', () => {
  const secrets = new Secrets({ KEY: 'from-env' });
  const secret = { file: file('key', ' from-file\r\n\n') };
  assert.equal(secrets.resolve(secret), undefined);
  assert.deepEqual(secrets.load(config(secret)), []);
  assert.equal(secrets.resolve(secret), 'from-file');
  assert.deepEqual(secrets.load(config({ env: 'KEY' })), []);
  assert.equal(secrets.resolve({ env: 'KEY' }), 'from-env');
});

test('re-read when loaded again; what cannot be read leaves everything as it was', () => {
  const secrets = new Secrets({});
  const key = { file: file('rotating', 'one') };
  const keys = { file: file('keys', 'ada: k1') };
  assert.deepEqual(secrets.load(config(key, keys)), []);
  file('rotating', 'two');
  file('keys', '');
  assert.deepEqual(secrets.load(config(key, keys)), [`auth.team.keys: file ${keys.file}: it is empty`]);
  assert.equal(secrets.resolve(key), 'one');
  assert.equal(secrets.authenticate(keys, 'k1')?.name, 'ada');
  file('keys', 'bob: k2');
  assert.deepEqual(secrets.load(config(key, keys)), []);
  assert.equal(secrets.resolve(key), 'two');
  assert.equal(secrets.authenticate(keys, 'k1'), undefined);
  assert.equal(secrets.authenticate(keys, 'k2')?.name, 'bob');
});

test('says which node names what cannot be read, never the value', () => {
  const secrets = new Secrets({ EMPTY: '', SPLIT: 'canary\r\nx: y' });
  const at = 'discovery.lab.backends[1].apiKey';
  const problem = (secret: Secret) => secrets.load(config(secret)).join();
  assert.equal(problem({ env: 'NONE' }), `${at}: environment variable NONE: it is not set`);
  assert.equal(problem({ env: 'EMPTY' }), `${at}: environment variable EMPTY: it is empty`);
  assert.equal(
    problem({ env: 'SPLIT' }),
    `${at}: environment variable SPLIT: it is not a key: printable characters without spaces or line breaks`,
  );
  assert.equal(problem({ file: file('none') }), `${at}: file ${file('none')}: it does not exist`);
  assert.equal(problem({ file: dir }), `${at}: file ${dir}: it is not a file`);
});

test('files to watch: secrets, certificates and keys, each once', () => {
  const secret = { file: '/run/key' };
  assert.deepEqual(new Secrets({}).files(config(secret, secret)), ['/run/key', '/tls/crt', '/tls/key']);
  assert.deepEqual(new Secrets({}).files(config({ env: 'KEY' })), ['/tls/crt', '/tls/key']);
});

test('a file of several keys', () => {
  const keys = new KeySet(
    [
      '# the teams',
      'ada: k1   # first',
      'bob = k2',
      '',
      'k3',
      'cyd: "k4#x"',
      'c2VjcmV0==',
      "dan='k5'",
      'sk-a:b:c, k6,eve: k7',
    ].join('\r\n'),
  );
  const names = ['k1', 'k2', 'k3', 'k4#x', 'c2VjcmV0==', 'k5', 'sk-a:b:c', 'k6', 'k7'].map(
    (key) => keys.find(key)?.name,
  );
  assert.deepEqual(names, ['ada', 'bob', 'key-3', 'cyd', 'key-5', 'dan', 'key-7', 'key-8', 'eve']);
  for (const wrong of ['', 'k', 'ada', 'ada: k1', 'k1 ', 'K1']) assert.equal(keys.find(wrong), undefined, wrong);
  assert.throws(() => new KeySet('# none\n\n'), /it holds no key/);
  assert.throws(() => new KeySet('ada: k1\nbob: k 2'), /^Error: line 2 holds no key: expected `name: key`/);
  assert.throws(() => new KeySet('ada: k1\nbob: k1'), /^Error: line 2 holds the key of ada again$/);
});
