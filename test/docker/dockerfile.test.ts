import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const manifest = JSON.parse(read('package.json'));

/** Instructions of a Dockerfile, continued lines joined. */
const instructions = read('docker/Dockerfile')
  .replace(/\\\n/g, ' ')
  .split('\n')
  .filter((line) => /^[A-Z]+ /.test(line))
  .map((line) => ({ name: line.split(' ', 1)[0]!, rest: line.slice(line.indexOf(' ') + 1).trim() }));
const named = (name: string) => instructions.filter((line) => line.name === name).map((line) => line.rest);

test('what it copies exists and is not ignored', () => {
  const ignored = read('.dockerignore').split('\n');
  assert.equal(ignored.filter((line) => line && !line.startsWith('#'))[0], '*');
  for (const copy of named('COPY')) {
    if (copy.startsWith('--from=')) continue;
    for (const source of copy.split(/\s+/).slice(0, -1)) {
      assert.ok(existsSync(join(ROOT, source)), source);
      assert.ok(ignored.includes(`!${source}`), `.dockerignore leaves out ${source}`);
    }
  }
});

test('its stages and scripts exist', () => {
  const stages = named('FROM').flatMap((from) => from.split(' AS ')[1] ?? []);
  for (const copy of named('COPY')) {
    const [, stage] = /^--from=(\S+)/.exec(copy) ?? [];
    if (stage) assert.ok(stages.includes(stage), stage);
  }
  for (const [, script] of named('RUN')
    .join('\n')
    .matchAll(/npm run ([\w:]+)/g)) {
    assert.ok(manifest.scripts[script!], script);
  }
  for (const from of named('FROM')) assert.match(from, /^node:24-slim/);
});

test('the arguments are those of the command, as nobody', () => {
  assert.deepEqual(named('ENTRYPOINT'), ['["vllm-router"]']);
  const [, target, link] = /ln -s (\S+) (\S+)/.exec(named('RUN').join('\n'))!;
  assert.equal(link, '/usr/local/bin/vllm-router');
  assert.equal(target, `/app/${manifest.bin['vllm-router']}`);
  assert.ok(statSync(join(ROOT, manifest.bin['vllm-router'])).mode & 0o111, 'executable');
  assert.match(named('USER').at(-1)!, /^[1-9]\d+:[1-9]\d+$/);
});

test('its health check tells a healthy router from a sick or an absent one', async (t) => {
  let status = 200;
  const server = http.createServer((_, res) => res.writeHead(status, { connection: 'close' }).end());
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/health`;
  const [command, ...args] = JSON.parse(/CMD (\[.*\])$/.exec(named('HEALTHCHECK')[0]!)![1]!) as string[];
  assert.equal(command, 'node');
  const check = (HEALTH_URL: string) =>
    new Promise<number>((done) =>
      execFile(process.execPath, args, { env: { HEALTH_URL } }, (error) => done(error ? Number(error.code) : 0)),
    );
  assert.equal(await check(url), 0);
  status = 503;
  assert.equal(await check(url), 1);
  assert.equal(await check('http://127.0.0.1:1/health'), 1);
});

test('what the image holds suffices: the build, the files, and no development packages', (t) => {
  const app = mkdtempSync(join(tmpdir(), 'image-'));
  t.after(() => rmSync(app, { recursive: true, force: true }));
  const built = spawnSync(
    process.execPath,
    [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--outDir', join(app, 'dist')],
    {
      cwd: ROOT,
      encoding: 'utf8',
    },
  );
  assert.equal(built.status, 0, built.stdout);
  for (const path of ['package.json', 'bin', 'schemas', 'examples']) {
    assert.ok(
      named('COPY').some((copy) => copy.split(/\s+/).includes(path)),
      path,
    );
    cpSync(join(ROOT, path), join(app, path), { recursive: true });
  }
  const lock = JSON.parse(read('package-lock.json')).packages as Record<string, { dev?: true }>;
  for (const [path, { dev }] of Object.entries(lock)) {
    if (dev || !/^node_modules\/(?:@[^/]+\/)?[^/]+$/.test(path) || !existsSync(join(ROOT, path))) continue;
    mkdirSync(dirname(join(app, path)), { recursive: true });
    symlinkSync(join(ROOT, path), join(app, path));
  }
  for (const args of [['--version'], ['check', '--no-secrets', 'examples/demo.yaml']]) {
    const run = spawnSync(process.execPath, ['bin/vllm-router.js', ...args], { cwd: app, encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
    if (args[0] === '--version') assert.equal(run.stdout, `vllm-router ${manifest.version}\n`);
  }
});
