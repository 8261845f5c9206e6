import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge, judgeRouting } from '../../bench/bars.ts';
import { cpuRatio, median, spread } from '../../bench/statistics.ts';
import { measurement } from './measurement.ts';

test('median and spread', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.deepEqual(spread([2, 9, 1]), { min: 1, median: 2, max: 9 });
  assert.equal(spread([]), undefined);
});

test('a ratio is the median of the ratios within each round, so a slow minute changes nothing', () => {
  const all = [
    measurement('nginx', 'a', 1, 20),
    measurement('ours', 'a', 1, 40),
    measurement('nginx', 'a', 2, 60),
    measurement('ours', 'a', 2, 120),
    measurement('nginx', 'a', 3, 20),
    measurement('ours', 'a', 3, 100),
    measurement('ours', 'a', 4, 1),
  ];
  assert.equal(cpuRatio(all, 'a', 'ours', 'nginx'), 2);
  assert.equal(cpuRatio(all, 'a', 'ours', 'rust-router'), undefined);
  assert.equal(cpuRatio(all, 'b', 'ours', 'nginx'), undefined);
});

test('bars: stretch, pass, FAIL and not measured', () => {
  const streams = 1000;
  const verdicts = judge([
    measurement('nginx', 'a', 1, 20),
    measurement('ours', 'a', 1, 38),
    measurement('nginx', 'b', 1, 100),
    measurement('ours', 'b', 1, 240),
    measurement('rust-router', 'b', 1, 500),
    measurement('nginx', 'c', 1, 10),
    measurement('ours', 'c', 1, 16),
    measurement('ours', 'd', 1, 16, { loaded: 70 * 1024 * streams, errors: 1 }),
  ]);
  assert.deepEqual(
    verdicts.map((v) => [v.value, v.result]),
    [
      ['1.90', 'stretch'],
      ['2.40', 'pass'],
      ['1.60', 'FAIL'],
      ['–', 'not measured'],
      ['0.48', 'pass'],
      ['–', 'not measured'],
      ['70', 'FAIL'],
      ['1', 'FAIL'],
    ],
  );
  assert.ok(judge([]).every((v) => v.result === 'not measured'));
});

test('bars of what choosing costs', () => {
  const verdicts = judgeRouting([
    measurement('round-robin-8', 'a', 1, 60),
    measurement('prefix-aware-8', 'a', 1, 66),
    measurement('prefix-aware-1000', 'a', 1, 150),
    measurement('round-robin-8', 'b', 1, 200),
    measurement('prefix-aware-8', 'b', 1, 320),
  ]);
  assert.deepEqual(
    verdicts.map(({ value, result }) => [value, result]),
    [
      ['1.10', 'pass'],
      ['1.60', 'FAIL'],
      ['2.27', 'FAIL'],
      ['–', 'not measured'],
    ],
  );
});
