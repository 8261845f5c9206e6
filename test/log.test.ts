import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import got from 'got';
import { createLogger, type LogSettings } from '../src/log.ts';

function logging(t: TestContext, settings: LogSettings) {
  const dir = mkdtempSync(join(tmpdir(), 'log-'));
  const fd = openSync(join(dir, 'out'), 'a');
  t.after(() => {
    closeSync(fd);
    rmSync(dir, { recursive: true });
  });
  const log = createLogger({ ...settings, destination: fd });
  const read = () => readFileSync(join(dir, 'out'), 'utf8');
  return {
    log,
    read,
    async records() {
      await log.close();
      return read()
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line));
    },
  };
}

test('JSON lines in order, both ways, with the level as text and the time as ISO', async (t) => {
  const { log, records } = logging(t, { level: 'info', format: 'json' });
  log.info('start 100% %s');
  log.perRequest('request', () => ({ model: 'm\u2028', status: 200 }));
  log.debug('not said');
  log.warn({ path: 'a\u0085b' }, 'odd');
  const lines = await records();
  for (const line of lines) assert.ok(Math.abs(Date.parse(line.time) - Date.now()) < 60_000);
  assert.deepEqual(
    lines.map(({ time, ...rest }) => rest),
    [
      { level: 'info', msg: 'start 100% %s' },
      { level: 'info', model: 'm\u2028', status: 200, msg: 'request' },
      { level: 'warn', path: 'a\u0085b', msg: 'odd' },
    ],
  );
});

test('an error shows its message, code, stack and cause, and nothing of the request it came from', async (t) => {
  const { log, records, read } = logging(t, { level: 'info', format: 'json' });
  const error = await got('http://127.0.0.1:1/', { headers: { authorization: 'canary' }, retry: { limit: 0 } }).then(
    () => assert.fail(),
    (e: Error) => e,
  );
  log.error({ err: new Error('outer', { cause: error }), request: error }, 'failed');
  const [line] = await records();
  assert.equal(line.err.message, 'outer');
  assert.match(line.err.stack, /log\.test\.ts/);
  assert.equal(line.err.cause.code, 'ECONNREFUSED');
  assert.doesNotMatch(read(), /canary/);
});

test('configure changes level and format from the next line on', async (t) => {
  const { log, read } = logging(t, { level: 'warn', format: 'json' });
  log.info('not said');
  log.perRequest('not said', () => ({}));
  log.configure({ level: 'debug', format: 'text' });
  log.debug({ err: new Error('boom') }, 'two\nlines');
  log.error({ err: new Error('boom') }, 'fault');
  log.perRequest('request', () => ({ status: 200 }));
  await log.close();
  const lines = read().split('\n');
  assert.equal(lines.length, 4);
  assert.match(lines[0]!, /^\S+Z DEBUG two\\nlines err="Error: boom"$/);
  assert.match(lines[1]!, /^\S+Z ERROR fault err="Error: boom" stack="Error: boom\\n +at /);
  assert.match(lines[2]!, /^\S+Z INFO {2}request status=200$/);
});

const child = (script: string) =>
  spawn(process.execPath, [
    '--input-type=module',
    '-e',
    script.replaceAll('LOG', new URL('../src/log.ts', import.meta.url).href),
  ]);

test('nothing is lost when the process exits', async () => {
  const process = child(`
    const { createLogger } = await import('LOG');
    const log = createLogger({ level: 'info', format: 'json' });
    for (let i = 0; i < 5000; i++) log.perRequest('request', () => ({ i }));
    process.exit(0);`);
  const lines = (await text(process.stdout)).trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).i),
    Array.from({ length: 5000 }, (_, i) => i),
  );
});

test('a reader that goes away does not end the process, one that stalls does not keep it', async () => {
  const script = `
    const { createLogger } = await import('LOG');
    const log = createLogger({ level: 'info', format: 'json' });
    log.info('first');
    process.stdin.once('data', async () => {
      for (let i = 0; i < 20000; i++) log.perRequest('request', () => ({ i }));
      await log.close();
      process.stderr.write('closed');
      process.stdin.destroy();
    });`;
  for (const reader of ['gone', 'stalled']) {
    const process = child(script);
    await once(process.stdout, 'data');
    if (reader === 'gone') process.stdout.destroy();
    else process.stdout.pause();
    process.stdin.write('go');
    const closed = await once(process.stderr, 'data');
    assert.equal(String(closed[0]), 'closed', reader);
    process.stdout.destroy();
    const [code] = await once(process, 'exit');
    assert.equal(code, 0, reader);
  }
});
