import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions, usage } from '../../bench/options.ts';

test('defaults', () => {
  const options = readOptions([]);
  assert.equal(options.rounds, 3);
  assert.deepEqual(options.scenarios, ['a', 'b', 'c', 'd']);
  assert.deepEqual(options.contestants, ['direct', 'nginx', 'ours']);
  assert.equal(options.gate, false);
});

test('what may be chosen', () => {
  const options = readOptions(['--only', 'ours,nginx', '--peers', '--scenario', 'c', '--seconds', '0.5']);
  assert.deepEqual(options.contestants, ['ours', 'nginx', 'rust-router', 'sglang-router']);
  assert.deepEqual(options.scenarios, ['c']);
  assert.equal(options.seconds, 0.5);
  assert.deepEqual(readOptions(['--profile', '--rounds', '5']).contestants, ['ours']);
});

test('what choosing costs', () => {
  const options = readOptions(['--routing']);
  assert.deepEqual(options.scenarios, ['a', 'b']);
  assert.equal(options.contestants.length, 4);
  assert.deepEqual(readOptions(['--profile', '--only', 'prefix-aware-8']).contestants, ['prefix-aware-8']);
});

test('mistakes are named', () => {
  assert.throws(() => readOptions(['--scenario', 'e']), /--scenario: unknown "e"; known are a, b, c, d/);
  assert.throws(() => readOptions(['--only', 'apache']), /unknown "apache"/);
  assert.throws(() => readOptions(['--rounds', 'many']), /--rounds needs a number/);
  assert.throws(() => readOptions(['--bogus']), /bogus/);
});

test('the usage names every option', () => {
  for (const name of [
    'rounds',
    'seconds',
    'warmup',
    'scenario',
    'only',
    'peers',
    'routing',
    'config',
    'profile',
    'gate',
    'out',
  ]) {
    assert.ok(usage.includes(`--${name}`), name);
  }
});
