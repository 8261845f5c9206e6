import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NO_SLOT } from '../../src/algorithms/prefix-aware/backend-slots.ts';
import { BLOCK_ENDS } from '../../src/algorithms/prefix-aware/blocks.ts';
import { LEAST_INDEX_BYTES, PrefixIndex } from '../../src/algorithms/prefix-aware/prefix-index.ts';

/** A prompt whose blocks of 512 bytes are named by numbers: `[1, 2]` begins like `[1]`. */
function prompt(...blocks: number[]): Buffer {
  const buffer = Buffer.alloc(512 * blocks.length);
  for (const [at, block] of blocks.entries()) buffer.writeUInt32LE(block, 512 * at);
  return buffer;
}

function look(index: PrefixIndex, text: Buffer): void {
  index.blocks.hash('m', text, 0, text.length);
  index.match({});
}

/** Sends the prompt to the backend. */
function send(index: PrefixIndex, id: string, text: Buffer): number {
  look(index, text);
  const slot = index.open(id);
  const stamp = index.age.advance(slot, 100);
  index.insert(slot, stamp);
  return stamp;
}

function depth(index: PrefixIndex, id: string, text: Buffer): number {
  look(index, text);
  return index.depthOf(index.slotOf(id));
}

test('a backend holds what it was sent, as far as prompts agree', () => {
  const index = new PrefixIndex(1 << 20);
  send(index, 'a', prompt(1, 2, 3));
  send(index, 'b', prompt(1, 2));
  assert.equal(depth(index, 'a', prompt(1, 2, 3, 4)), 3);
  assert.equal(depth(index, 'b', prompt(1, 2, 3, 4)), 2);
  assert.equal(depth(index, 'a', prompt(1, 9)), 1);
  assert.equal(depth(index, 'a', prompt(9)), 0);
  assert.equal(depth(index, 'nobody', prompt(1, 2)), 0);
});

test('a removed backend holds nothing, also when it comes back', () => {
  const index = new PrefixIndex(1 << 20);
  send(index, 'a', prompt(1, 2));
  index.removeBackend('a');
  assert.equal(index.slotOf('a'), NO_SLOT);
  assert.equal(depth(index, 'a', prompt(1, 2)), 0);
  index.open('a');
  assert.equal(depth(index, 'a', prompt(1, 2)), 0);
});

test('what a failed attempt had put there is taken back, and nothing else', () => {
  const index = new PrefixIndex(1 << 20);
  send(index, 'a', prompt(1, 2));
  look(index, prompt(1, 2, 3, 4));
  const slot = index.slotOf('a');
  const stamp = index.age.advance(slot, 1);
  index.insert(slot, stamp);
  assert.equal(depth(index, 'a', prompt(1, 2, 3, 4)), 4);
  index.withdraw(2, slot, stamp);
  assert.equal(depth(index, 'a', prompt(1, 2, 3, 4)), 2);
});

test('a later request for the same blocks keeps them although the first one failed', () => {
  const index = new PrefixIndex(1 << 20);
  const first = send(index, 'a', prompt(1, 2));
  send(index, 'a', prompt(1, 2));
  look(index, prompt(1, 2));
  index.withdraw(0, index.slotOf('a'), first);
  assert.equal(depth(index, 'a', prompt(1, 2)), 2);
});

/** The index as it would be without limits: what each backend was sent. */
class Model {
  readonly held = new Map<string, Set<string>>();
  send(id: string, blocks: readonly number[]): void {
    const held = this.held.get(id) ?? new Set();
    for (let end = 1; end <= blocks.length; end++) held.add(blocks.slice(0, end).join());
    this.held.set(id, held);
  }
  depth(id: string, blocks: readonly number[]): number {
    const held = this.held.get(id);
    let deepest = 0;
    for (let end = 1; end <= blocks.length; end++) if (held?.has(blocks.slice(0, end).join())) deepest = end;
    return deepest;
  }
}

const id = fc.integer({ min: 0, max: 25 }).map((number) => `b${number}`);
const blocks = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 6 });
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('send' as const), id, blocks }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('look' as const), id, blocks }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('remove' as const), id }) },
);

test('with room enough it knows exactly what was sent, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const index = new PrefixIndex(1 << 20);
      const model = new Model();
      for (const action of steps) {
        if (action.type === 'remove') {
          index.removeBackend(action.id);
          model.held.delete(action.id);
        } else if (action.type === 'send') {
          send(index, action.id, prompt(...action.blocks));
          model.send(action.id, action.blocks);
        } else {
          assert.equal(depth(index, action.id, prompt(...action.blocks)), model.depth(action.id, action.blocks));
        }
      }
    }),
    { numRuns: 200 },
  );
});

test('it never takes more than its cap, at any size and under any load, and what was used last is still there', () => {
  fc.assert(
    fc.property(fc.integer({ min: LEAST_INDEX_BYTES, max: 1 << 20 }), fc.nat(), (bytes, seed) => {
      const index = new PrefixIndex(bytes);
      assert.ok(index.byteLength <= bytes && index.byteLength > 0.9 * bytes, `${index.byteLength} of ${bytes}`);
      const text = Buffer.alloc(40_000);
      for (let count = 0; count < 300; count++) {
        text.writeUInt32LE(seed + count, 0);
        const backend = `b${(seed + count) % 40}`;
        send(index, backend, text);
        // The same beginning everywhere: entries with many holders compete for the pool of chunks.
        send(index, `b${count % 40}`, prompt(1, 2, 3));
        assert.equal(
          depth(index, backend, text),
          BLOCK_ENDS.findLastIndex((end) => end <= text.length),
        );
        assert.ok(depth(index, `b${count % 40}`, prompt(1, 2, 3)) === 3);
      }
    }),
    { numRuns: 20 },
  );
});

test('the least recently used go first, and of one prompt its end', () => {
  const index = new PrefixIndex(LEAST_INDEX_BYTES);
  const kept = prompt(1, 2, 3, 4);
  send(index, 'a', kept);
  const old = prompt(5, 6, 7, 8);
  send(index, 'a', old);
  let number = 100;
  let before = 4;
  while (depth(index, 'a', old) > 0) {
    send(index, 'a', prompt(number++));
    send(index, 'a', kept);
    const now = depth(index, 'a', old);
    assert.ok(now === before || now === before - 1, 'one block after the other, from the end');
    before = now;
    assert.ok(number < 10_000);
  }
  assert.equal(depth(index, 'a', kept), 4);
});

test('backends beyond what it can tell apart are known nothing of, and slots of removed ones are used again', () => {
  const index = new PrefixIndex(LEAST_INDEX_BYTES);
  let opened = 0;
  while (index.open(`b${opened}`) !== NO_SLOT) opened++;
  assert.ok(opened >= 32);
  index.removeBackend('b0');
  assert.notEqual(index.open('new'), NO_SLOT);
  for (let count = 0; count < 100_000; count++) {
    index.removeBackend('new');
    assert.notEqual(index.open(`pod-${count}`), NO_SLOT);
    index.removeBackend(`pod-${count}`);
  }
});

test('a reused slot inherits nothing of the backend before', () => {
  const index = new PrefixIndex(LEAST_INDEX_BYTES);
  let count = 0;
  while (index.open(`b${count}`) !== NO_SLOT) count++;
  for (let number = 0; number < count; number++) send(index, `b${number}`, prompt(1, 2, 3));
  for (let number = 0; number < count; number++) index.removeBackend(`b${number}`);
  for (let number = 0; number < count; number++) {
    index.open(`c${number}`);
    assert.equal(depth(index, `c${number}`, prompt(1, 2, 3)), 0);
  }
});

test('demand and traffic tell the share of the requests, the recent ones for more', () => {
  const index = new PrefixIndex(1 << 20);
  for (let count = 0; count < 1000; count++) send(index, 'a', count % 4 === 0 ? prompt(1) : prompt(2, count));
  look(index, prompt(1));
  const share = () => index.demand(1) / index.traffic(Uint16Array.of(index.slotOf('a')));
  assert.ok(Math.abs(share() - 0.25) < 0.01);
  for (let count = 0; count < 500; count++) send(index, 'a', prompt(3, count));
  look(index, prompt(1));
  // Of the first thousand three quarters of what ever counts were left, now half of that: 0.375 against 0.5.
  assert.ok(Math.abs(share() - (0.25 * 0.375) / 0.875) < 0.005, `${share()}`);
});

test('counts outlast the growth of their unit', () => {
  const index = new PrefixIndex(LEAST_INDEX_BYTES);
  for (let count = 0; count < 500_000; count += 1) {
    if (count % 1000 < 2) {
      send(index, 'a', prompt(1));
    } else {
      index.blocks.hash('m', prompt(), 0, 0);
      index.match({});
      index.insert(index.open('a'), 1);
    }
  }
  look(index, prompt(1));
  const share = index.demand(1) / index.traffic(Uint16Array.of(index.slotOf('a')));
  assert.ok(share > 0.0005 && share < 0.01, `${share}`);
});

test('less than the least is refused', () => {
  assert.throws(() => new PrefixIndex(LEAST_INDEX_BYTES - 1), RangeError);
  assert.throws(() => new PrefixIndex(Number.NaN), RangeError);
});
