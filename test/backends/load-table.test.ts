import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { Load } from '../../src/algorithms/algorithm.ts';
import { LoadTable } from '../../src/backends/load-table.ts';

test('a slot counts attempts and tokens, and comes back to zero', () => {
  const slot = new LoadTable(2).allocate();
  const load: Load = slot;
  slot.dispatched();
  slot.dispatched();
  slot.addUncached(500);
  slot.addUncached(70);
  assert.deepEqual([load.inflight, load.processed, load.sinceScrape, load.uncachedTokens], [2, 2, 2, 570]);
  slot.addUncached(-500);
  slot.addUncached(-70);
  slot.finished();
  slot.finished();
  assert.deepEqual([load.inflight, load.processed, load.sinceScrape, load.uncachedTokens], [0, 2, 2, 0]);
});

test("an engine's figures are there from a scrape until they are stale", () => {
  const slot = new LoadTable(1).allocate();
  assert.deepEqual([slot.engine], [undefined]);
  slot.dispatched();
  slot.scraped({ running: 4, waiting: 1, kvUsage: 0.25 });
  const { engine } = slot;
  assert.deepEqual([engine?.running, engine?.waiting, engine?.kvUsage, engine?.ours], [4, 1, 0.25, 1]);
  assert.equal(slot.sinceScrape, 0);
  assert.equal(engine?.cacheTokens, undefined);
  slot.scraped({ running: 5, waiting: 0, kvUsage: 0.5, ours: 0, cacheTokens: 4096 });
  assert.equal(slot.engine, engine, 'no object per look');
  assert.deepEqual([engine?.running, engine?.ours, engine?.cacheTokens], [5, 0, 4096]);
  slot.stale();
  assert.deepEqual([slot.engine], [undefined]);
});

test('slots are used again, zeroed; one too many is refused', () => {
  const table = new LoadTable(2);
  const [a, b] = [table.allocate(), table.allocate()];
  assert.throws(() => table.allocate(), RangeError);
  a.dispatched();
  a.scraped({ running: 1, waiting: 1, kvUsage: 1 });
  table.free(a);
  table.free(a);
  const again = table.allocate();
  assert.equal(again.index, a.index);
  assert.deepEqual([again.inflight, again.processed, again.sinceScrape, again.engine], [0, 0, 0, undefined]);
  assert.notEqual(again.index, b.index);
});

test('a newcomer begins where the least used backend stands: it does not win every tie for its whole past', () => {
  const table = new LoadTable(3);
  const [a, b] = [table.allocate(), table.allocate()];
  for (let turn = 0; turn < 5; turn++) a.dispatched();
  for (let turn = 0; turn < 3; turn++) b.dispatched();
  assert.equal(table.allocate().processed, 3);
});

test('threads that share the memory count exactly', async () => {
  const buffer = new SharedArrayBuffer(LoadTable.bytes(4));
  const table = new LoadTable(4, buffer);
  const slot = table.allocate();
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.module).then(({ LoadTable }) => {
      const slot = new LoadTable(4, workerData.buffer).at(workerData.index);
      for (let turn = 0; turn < 20000; turn++) {
        slot.dispatched();
        slot.addUncached(3);
        if (turn % 2) slot.finished();
      }
      parentPort.postMessage('done');
    });`;
  const module = new URL('../../src/backends/load-table.ts', import.meta.url).href;
  const workers = [1, 2].map(
    () => new Worker(source, { eval: true, workerData: { module, buffer, index: slot.index } }),
  );
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve))));
  assert.deepEqual([slot.inflight, slot.sinceScrape, slot.uncachedTokens], [20_000, 40_000, 120_000]);
});
