import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseArgv } from '../../src/cli/argv.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { runSimulate } from '../../src/cli/simulate.ts';
import { startEngine } from '../../src/simulator/engine/engine.ts';
import { CONTENDERS } from '../../src/simulator/replay/contenders.ts';
import { captureIo } from './capture-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'vllm-router-simulate-'));
after(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);

const QUICK = ['--requests', '200', '--seeds', '1', '--rate', '10,30'];

async function simulate(args: string[], options: Parameters<typeof captureIo>[0] = {}) {
  const invocation = parseArgv(['simulate', ...args]);
  assert.ok('command' in invocation, JSON.stringify(invocation));
  const io = captureIo(options);
  const code = await runSimulate(invocation, io);
  return { code, out: io.stdout(), err: io.stderr() };
}

function file(name: string, text: string): string {
  writeFileSync(path(name), text);
  return path(name);
}

function traceOf(requests: number): string {
  const line = (at: number) =>
    `{"timestamp":${at * 100},"input_length":1024,"output_length":5,"hash_ids":[${at % 7},${100 + at}]}`;
  return Array.from({ length: requests }, (_, at) => line(at)).join('\n');
}

const CONFIG = `version: 1
discovery:
  lab:
    type: static
    backends: [{ url: "http://127.0.0.1:9001", models: [m] }]
routes:
  - name: chat
    match: { models: [m] }
    backends: { from: [lab] }
    algorithm: { type: session, header: x-user }
  - name: other
    match: {}
    backends: { from: [lab] }
    algorithm: { type: prefix-aware }
`;

test('a table per rate and the knees', async () => {
  const { code, out, err } = await simulate([...QUICK, '--compare', 'prefix-aware,round-robin']);
  assert.deepEqual([code, err], [0, '']);
  assert.match(out, /^shared-prefixes: 150 groups/);
  assert.match(out, /\n10 requests\/s\n +TTFT p50 +p90/);
  assert.match(out, /\n30 requests\/s\n/);
  assert.equal(out.match(/^prefix-aware +[\d.]+s/gm)?.length, 2);
  assert.match(out, /Knee: .* within 2\.00s\nprefix-aware +(≥ 30|[\d.]+) requests\/s\nround-robin +/);
});

test('the same figures as JSON, for scripts', async () => {
  const { out } = await simulate([...QUICK, '--compare', 'least-load', '--format', 'json']);
  const study = JSON.parse(out);
  assert.deepEqual([study.workload, study.rates, study.seeds], ['shared-prefixes', [10, 30], [1]]);
  assert.equal(study.lines[0].contender, 'least-load');
  assert.equal(study.lines[0].summaries[1].success, 1);
  assert.deepEqual(JSON.parse((await simulate([...QUICK, '--compare', 'least-load', '--format', 'json'])).out), study);
});

test('every contender can be compared, and the default ones exist', async () => {
  const told = COMMANDS.find(({ name }) => name === 'simulate')!.options!.find(({ name }) => name === 'compare')!;
  for (const name of told.default!.split(',')) assert.ok(CONTENDERS.includes(name), name);
  const { code } = await simulate(['--requests', '50', '--seeds', '1', '--rate', '5', '--compare', CONTENDERS.join()]);
  assert.equal(code, 0);
});

test('the algorithm that a file configures, by route, with its time-outs', async () => {
  const config = file('router.yaml', CONFIG);
  const first = await simulate([...QUICK, '--config', config, '--compare', 'least-load']);
  assert.match(first.out, /^chat: session +/m);
  const named = await simulate([...QUICK, '--config', config, '--route', 'other', '--compare', 'least-load']);
  assert.match(named.out, /^other: prefix-aware +/m);
  const wrong = await simulate([...QUICK, '--config', config, '--route', 'nobody']);
  assert.deepEqual([wrong.code, wrong.out], [64, '']);
  assert.match(wrong.err, /no route 'nobody'/);
});

test('a file that is wrong is explained as check does', async () => {
  const { code, err } = await simulate([...QUICK, '--config', file('bad.yaml', `${CONFIG}nonsense: 1\n`)]);
  assert.equal(code, 1);
  assert.match(err, /bad\.yaml:\d+:\d+ error.*nonsense/);
});

test('the page with charts holds everything itself and escapes names', async () => {
  const trace = file('<b>&.jsonl', traceOf(200));
  const html = path('report.html');
  const args = ['--trace', trace, '--rate', '1x,2x', '--seeds', '1', '--compare', 'round-robin', '--html', html];
  const { code, err } = await simulate(args);
  assert.deepEqual([code, err], [0, `wrote ${html}\n`]);
  const page = readFileSync(html, 'utf8');
  assert.equal(page.match(/<svg /g)?.length, 4);
  assert.ok(!page.includes('<b>') && page.includes('&#60;b&#62;&#38;.jsonl'));
  assert.doesNotMatch(page, /\b(?:src|href)=|url\(|@import|https?:/);
  assert.doesNotMatch(page, /NaN|Infinity|undefined/);
  assert.match(page, /prefers-color-scheme: dark/);
});

test('a trace in Mooncake’s format, at multiples of its own speed', async () => {
  const trace = file('trace.jsonl', traceOf(50));
  const { code, out } = await simulate(['--trace', trace, '--rate', '1x,2x', '--seeds', '1']);
  assert.equal(code, 0);
  assert.match(out, /^trace\.jsonl: 50 requests over 5 s/);
  assert.match(out, /\n10\.2 requests\/s\n[\s\S]*\n20\.4 requests\/s\n/);
});

test('progress is drawn on a terminal and wiped at the end', async () => {
  const { err } = await simulate([...QUICK, '--compare', 'round-robin'], { terminal: true });
  assert.match(err, /\r█+░+ +\d+ %/);
  assert.ok(err.endsWith('\r\u001b[K'));
});

test('what cannot be followed is said, before anything runs', async () => {
  const wrong: readonly (readonly [string[], number, RegExp])[] = [
    [['--rate', 'fast'], 64, /--rate: 'fast' is no rate/],
    [['--rate', '0'], 64, /--rate/],
    [['--workload', 'zip'], 64, /none of shared-prefixes, one-prefix/],
    [['--compare', 'best'], 64, /'best' is none of round-robin/],
    [['--seeds', '0'], 64, /--seeds/],
    [['--engines', '0'], 64, /--engines/],
    [['--objective', '2'], 64, /--objective: '2' is no duration/],
    [['--engine', 'beta9=1'], 64, /'beta9=1' is no beta0=N/],
    [['--engine', 'beta0=-1'], 64, /beta0=-1/],
    [['--engine', 'stepTokens=100'], 64, /more than maxSequences/],
    [['--trace', path('none'), '--workload', 'zipf'], 64, /not both/],
    [['--trace', path('none')], 1, /ENOENT/],
    [['--trace', file('broken.jsonl', '{}')], 1, /broken\.jsonl: line 1: needs/],
    [['--calibrate', 'http://127.0.0.1:1'], 1, /--calibrate: /],
  ];
  for (const [args, code, message] of wrong) {
    const result = await simulate(args);
    assert.deepEqual([result.code, result.out], [code, ''], args.join(' '));
    assert.match(result.err.split('\n').at(-2)!, message);
  }
});

test('a running engine is measured: its step times and the size of its cache', async () => {
  const engine = await startEngine({ models: ['m'], prefillRate: 200_000, decodeRate: 2000, blockSize: 16 });
  try {
    const { code, out, err } = await simulate([...QUICK, '--compare', 'round-robin', '--calibrate', engine.url]);
    assert.equal(code, 0, err);
    assert.match(err, /\nas --engine beta0=[\d.e-]+,beta1=[\d.e-]+,beta2=[\d.e-]+,cacheTokens=\d+\n/);
    assert.match(out, /round-robin/);
  } finally {
    await engine.kill();
  }
});
