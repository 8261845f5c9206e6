import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startEngine } from '../../src/simulator/engine/engine.ts';
import { kubelet } from '../fakes/kubelet.ts';
import { rawRequest } from '../fakes/raw-client.ts';
import { type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { chatRequest } from './fleet.ts';

const BIN = fileURLToPath(new URL('../../bin/vllm-router.js', import.meta.url));

/** Written as people write it: each of its lines ends a file that is valid, or one that is not. */
function configText(urls: readonly string[], more = ''): string {
  const backends = urls.map((url) => `      - url: ${url}\n        models: [m]\n`);
  return `version: 1
shutdown: { delay: 0s }
${more}listeners:
  public: { bind: "127.0.0.1:0", serve: [openai, health, metrics] }
discovery:
  engines:
    type: static
    backends:
${backends.join('')}`;
}

async function setUp(t: TestContext, engines: number, more = '') {
  const started = await Promise.all(Array.from({ length: engines }, () => startEngine({ models: ['m'] })));
  const urls = started.map(({ url }) => url);
  const router = await spawnRouter({ config: configText(urls, more) });
  t.after(async () => {
    await router.stop('SIGKILL');
    await Promise.all(started.map((engine) => engine.kill()));
  });
  return { router, urls };
}

const chat = async ({ url }: SpawnedRouter, model = 'm') => (await rawRequest(url, chatRequest(model))).status;

async function metric({ url }: SpawnedRouter, name: string): Promise<number> {
  const { body } = await rawRequest(url, { path: '/metrics' });
  return Number(new RegExp(`^${name}(?:{[^}]*})? (.+)$`, 'm').exec(body.toString())?.[1]);
}

const SUCCESSFUL = 'vllm_router_config_last_reload_successful';
const SUCCESS_AT = 'vllm_router_config_last_reload_success_timestamp_seconds';
const RSS = 'process_resident_memory_bytes';

function check(text: string): { status: number | null; output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'check-'));
  const file = join(folder, 'router.yaml');
  writeFileSync(file, text);
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, 'check', file], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  return { status, output: stdout + stderr };
}

test('fault 53: a config that is broken, wrong or empty changes nothing, and is named at its line', async (t) => {
  const { router, urls } = await setUp(t, 1);
  const good = configText(urls);
  const at = await metric(router, SUCCESS_AT);
  assert.equal(await metric(router, SUCCESSFUL), 1);
  const bad: readonly (readonly [text: string, line: number])[] = [
    [`${good}routes: [`, good.split('\n').length],
    [good.replace('type: static', 'type: statik'), 7],
    [good.replace('version: 1', 'version: 2'), 1],
    ['', 1],
    ['# nothing but a comment\n', 1],
    ['just a text\n', 1],
  ];
  for (const [text, line] of bad) {
    const from = router.logs.length;
    writeFileSync(router.configFile, text);
    await router.logged(({ msg }) => msg === 'config rejected; the one in force stays', from);
    const [finding] = router.logs.slice(from).filter(({ level }) => level === 'error');
    assert.deepEqual([finding!['file'], finding!['line']], [router.configFile, line], text);
    assert.equal(await metric(router, SUCCESSFUL), 0);
    assert.equal(await metric(router, SUCCESS_AT), at);
    assert.equal(await chat(router), 200);
    const { status, output } = check(text);
    assert.equal(status, 1);
    assert.match(output, new RegExp(`router\\.yaml:${line}:\\d+ error`));
  }
  await router.reload(`${good}models: { aliases: { other: m } }\n`);
  assert.equal(await metric(router, SUCCESSFUL), 1);
  assert.ok((await metric(router, SUCCESS_AT)) > at);
  assert.equal(await chat(router, 'other'), 200);
  assert.equal(check(good).status, 0);
});

test('fault 54: a file that is still being written is not taken; one that drops backends is said to', async (t) => {
  const { router, urls } = await setUp(t, 4, 'reload: { debounce: 1s }\n');
  const text = readFileSync(router.configFile, 'utf8').replace('debounce: 1s', 'debounce: 1001ms');
  const from = router.logs.length;
  // Read three times meanwhile. With each line, from the first backend on, it is a valid config with fewer of them.
  writeFileSync(router.configFile, '');
  for (const line of text.split(/(?<=\n)/)) {
    appendFileSync(router.configFile, line);
    await sleep(250);
  }
  await router.logged(({ msg }) => msg === 'config applied', from);
  const said = router.logs.slice(from).filter(({ msg }) => msg !== 'request');
  assert.deepEqual(
    said.map(({ level, msg }) => `${level} ${msg}`),
    ['info config applied'],
  );
  const next = router.logs.length;
  await router.reload(text.replace(`      - url: ${urls[1]}\n        models: [m]\n`, ''));
  const warning = router.logs.slice(next).find(({ level }) => level === 'warn');
  assert.deepEqual([warning?.['dropped'], warning?.['left'], warning?.['backends']], [1, 3, [urls[1]]]);
  assert.equal(await chat(router), 200);
});

test('fault 55: a file that unfolds into gigabytes, or is one, is refused for little', async (t) => {
  const { router, urls } = await setUp(t, 1);
  const good = configText(urls);
  const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]'];
  for (let level = 1; level < 30; level++) {
    const before = `*a${level - 1}`;
    lines.push(`a${level}: &a${level} [${Array(10).fill(before).join(',')}]`);
  }
  const memory = await metric(router, RSS);
  for (const [text, code] of [
    [`${lines.join('\n')}\n${good}`, 'too-complex'],
    [`${good}${'['.repeat(200_000)}`, 'too-complex'],
    [`${good}# ${'x'.repeat(1024 * 1024)}\n`, 'file-too-large'],
  ]) {
    const line = await router.reload(text);
    assert.equal(line['code'], code);
    assert.equal(await chat(router), 200);
    assert.equal(await metric(router, SUCCESSFUL), 0);
    assert.equal(check(text!).status, 1);
  }
  const grown = (await metric(router, RSS)) - memory;
  assert.ok(grown < 128 * 1024 * 1024, `${grown} bytes`);
});

test('fault 56: a ConfigMap that kubelet swaps is seen by its links, without a poll', async (t) => {
  const engine = await startEngine({ models: ['m'] });
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'config-map-')));
  const text = (alias: string) => {
    const more = `reload: { poll: 0s, debounce: 50ms }\nmodels: { aliases: { ${alias}: m } }\n`;
    return configText([engine.url], more);
  };
  await kubelet(folder, 0, text('v0'));
  const router = await spawnRouter({ config: '', bare: true, flags: ['--config', join(folder, 'router.yaml')] });
  t.after(async () => {
    await router.stop('SIGKILL');
    await engine.kill();
    rmSync(folder, { recursive: true });
  });
  for (const version of [1, 2, 3]) {
    const from = router.logs.length;
    await kubelet(folder, version, text(`v${version}`));
    await router.logged(({ msg }) => msg === 'config applied', from);
    assert.equal(await chat(router, `v${version}`), 200);
    assert.equal(await chat(router, `v${version - 1}`), 404);
  }
});

test('a config that cannot be read is a failed reload, until it can be', async (t) => {
  const { router, urls } = await setUp(t, 1, 'reload: { poll: 100ms, debounce: 20ms }\n');
  const good = readFileSync(router.configFile, 'utf8');
  const cannot = ({ level, msg }: { level?: unknown; msg?: string }) =>
    level === 'warn' && msg?.startsWith('config not readable') === true;
  const again = ({ msg }: { msg?: string }) => msg === 'the config in force is what the files say again';
  const breakers: readonly (() => void)[] = [
    () => rmSync(router.configFile),
    () => writeFileSync(router.configFile, Buffer.from(`${good}# caf\xe9\n`, 'latin1')),
    () => writeFileSync(router.configFile, `\ufeff${good}`, 'utf16le'),
    () => writeFileSync(router.configFile, `${good}# ${'x'.repeat(17 * 1024 * 1024)}\n`),
  ];
  for (const spoil of breakers) {
    assert.equal(await metric(router, SUCCESSFUL), 1);
    let from = router.logs.length;
    spoil();
    await router.logged(cannot, from);
    assert.equal(await metric(router, SUCCESSFUL), 0);
    from = router.logs.length;
    router.signal('SIGHUP');
    await router.logged(cannot, from);
    assert.equal(await metric(router, SUCCESSFUL), 0);
    assert.equal(await chat(router), 200);
    from = router.logs.length;
    writeFileSync(router.configFile, good);
    await router.logged(again, from);
  }
  assert.equal(await metric(router, SUCCESSFUL), 1);
  // What was refused before is refused again.
  await router.reload(good.replace('type: static', 'type: statik'));
  let from = router.logs.length;
  rmSync(router.configFile);
  await router.logged(cannot, from);
  from = router.logs.length;
  writeFileSync(router.configFile, good.replace('type: static', 'type: statik'));
  await router.logged(({ msg }) => msg === 'config rejected; the one in force stays', from);
  assert.equal(await metric(router, SUCCESSFUL), 0);
  await router.reload(configText(urls));
  assert.equal(await metric(router, SUCCESSFUL), 1);
});

test('more backends within the drain than there is room for: the idle ones of before give way', async (t) => {
  const urls = (net: number, count: number) =>
    Array.from({ length: count }, (_, i) => `http://127.${net}.${i >> 8}.${i & 255}:9`);
  const quiet = 'stats: { engine: { interval: 1h } }\n';
  const router = await spawnRouter({ config: configText(urls(1, 8_200), quiet), timeout: 60_000 });
  t.after(() => router.stop('SIGKILL'));
  for (const [net, count] of [
    [2, 8_200],
    [3, 10],
  ] as const) {
    const from = router.logs.length;
    writeFileSync(router.configFile, configText(urls(net, count), quiet));
    await router.logged(({ msg }) => msg === 'config applied', from, 60_000);
    assert.equal(await metric(router, SUCCESSFUL), 1);
    const { engines } = { engines: JSON.parse((await rawRequest(router.url, { path: '/engines' })).body.toString()) };
    assert.equal(engines.length, count);
    assert.equal(
      router.logs.slice(from).some(({ level }) => level === 'error'),
      false,
    );
  }
});
