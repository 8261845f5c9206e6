import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBusy, parseStat, readUsage, treeOf } from '../../bench/proc.ts';

test('a stat line is read whatever the name of the process', () => {
  const line =
    '12 (a) b (c) S 7 1 1 0 -1 4194560 100 200 0 0 1000 500 30 20 20 0 11 0 99 123456789 4096 18446744073709551615 0 0';
  assert.deepEqual(parseStat(line), { pid: 12, parent: 7, ticks: 1550, rssPages: 4096 });
});

test('a tree holds children and their children, and nobody else', () => {
  const of = (pid: number, parent: number) => ({ pid, parent, ticks: 1, rssPages: 1 });
  const all = [of(1, 0), of(2, 1), of(3, 1), of(4, 2), of(5, 4), of(6, 3)];
  assert.deepEqual(
    treeOf(2, all).map((p) => p.pid),
    [2, 4, 5],
  );
  assert.deepEqual(treeOf(9, all), []);
});

test('this process has used CPU and memory, a dead one is an error', { skip: process.platform !== 'linux' }, () => {
  const usage = readUsage(process.pid);
  assert.ok(usage.cpuUs > 0);
  assert.ok(usage.rss > 10 * 2 ** 20);
  assert.throws(() => readUsage(2 ** 30), /has ended/);
});

test('busy time leaves out idle and iowait, and counts what the host took', () => {
  const stat = 'cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 2 3 100 100 4 5 6 0 0\ncpu1 10 0 0 100 0 0 0 0 0 0\nintr 5\n';
  assert.equal(parseBusy(stat, [0]), 210_000);
  assert.equal(parseBusy(stat, [0, 1, 1]), 310_000);
  assert.throws(() => parseBusy(stat, [2]), /no CPU core 2/);
});
