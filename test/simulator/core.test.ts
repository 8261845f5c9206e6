import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PrefixCache } from '../../src/simulator/engine/cache.ts';
import { Core, Sequence, type SequenceSink } from '../../src/simulator/engine/core.ts';
import {
  blockKeys,
  extendKeys,
  promptOf,
  tailOf,
  textOfTokens,
  tokensOfBytes,
} from '../../src/simulator/engine/prompt.ts';

const SETTINGS = { maxNumSeqs: 2, prefillRate: 1e6, decodeRate: 2000, speed: 1, cacheBlocks: 64, blockSize: 4 };

function ends(): { sink: SequenceSink; order: string[]; all(count: number): Promise<void> } {
  const order: string[] = [];
  let wake = () => {};
  return {
    order,
    sink: {
      token() {},
      ended({ prompt }) {
        order.push(prompt.bytes.toString());
        wake();
      },
    },
    all: (count) =>
      new Promise((resolve) => {
        wake = () => order.length >= count && resolve();
        wake();
      }),
  };
}

describe('block keys', () => {
  const text = Buffer.from('abcdefghijklmnopqrstuvwxyz0123456789');

  it('of equal beginnings are equal, of unlike salts are not', () => {
    const keys = blockKeys(text, '', 2);
    assert.equal(keys.length, 4);
    assert.deepEqual(blockKeys(text.subarray(0, 20), '', 2), keys.slice(0, 2));
    assert.notDeepEqual(blockKeys(text, 'lora', 2), keys);
  });

  it('of a prompt with its answer continue those of the prompt', () => {
    for (const cut of [0, 3, 8, 21]) {
      const head = text.subarray(0, cut);
      const keys = blockKeys(head, '', 2);
      const rest = Buffer.concat([tailOf(head, 2), text.subarray(cut)]);
      assert.deepEqual(extendKeys(keys, rest, '', 2), blockKeys(text, '', 2));
    }
  });

  it('tokens turn back into their text', () => {
    const odd = 'grüße 😀, 5 bytes';
    assert.equal(textOfTokens(tokensOfBytes(Buffer.from(odd))), odd);
  });
});

describe('prefix cache', () => {
  it('finds the longest common head and drops the least recently used tail', () => {
    const cache = new PrefixCache(4);
    cache.insert([1, 2, 3]);
    assert.equal(cache.match([1, 2, 9], 9), 2);
    assert.equal(cache.match([1, 2, 3], 2), 2);
    cache.insert([7, 8]);
    assert.equal(cache.size, 4);
    assert.equal(cache.match([1, 2, 3], 9), 2, 'the tail went first');
  });
});

describe('scheduler', () => {
  it('runs maxNumSeqs at once, the rest in order of arrival', async () => {
    const core = new Core(SETTINGS);
    const { sink, order, all } = ends();
    for (const name of ['a', 'b', 'c', 'd']) core.submit(new Sequence(promptOf(Buffer.from(name)), 5, 0, sink));
    assert.equal(core.running + core.waiting, 4);
    assert.ok(core.running <= 2);
    await all(4);
    assert.deepEqual(order.toSorted(), ['a', 'b', 'c', 'd']);
    assert.deepEqual(order.slice(0, 2).toSorted(), ['a', 'b']);
    assert.equal(core.running + core.waiting, 0);
    assert.equal(core.kvUsage, 0);
  });

  it('frees the place of a cancelled sequence at once, in every state', async () => {
    const core = new Core({ ...SETTINGS, maxNumSeqs: 1 });
    const { sink, order, all } = ends();
    const [running, waiting, last] = ['r', 'w', 'l'].map(
      (name) => new Sequence(promptOf(Buffer.from(name)), 50_000, 0, sink),
    );
    core.submit(running!);
    core.submit(waiting!);
    assert.deepEqual([core.running, core.waiting], [1, 1]);
    core.cancel(waiting!);
    assert.deepEqual([core.running, core.waiting], [1, 0]);
    core.submit(last!);
    core.cancel(running!);
    assert.deepEqual([core.running, core.waiting], [1, 0]);
    core.cancel(last!);
    assert.deepEqual([core.running, core.waiting, core.kvUsage], [0, 0, 0]);
    core.submit(new Sequence(promptOf(Buffer.from('x')), 1, 0, sink));
    await all(1);
    assert.deepEqual(order, ['x']);
  });

  it('counts whole cached blocks, never the last token', async () => {
    const core = new Core(SETTINGS);
    const { sink, all } = ends();
    const run = async (text: string, count: number) => {
      const sequence = new Sequence(promptOf(Buffer.from(text)), 1, 0, sink);
      core.submit(sequence);
      await all(count);
      return sequence.cached;
    };
    const text = 'x'.repeat(16 * 3);
    assert.equal(await run(text, 1), 0);
    assert.equal(await run(text, 2), 8, 'three blocks held, but one token must be computed');
    assert.equal(await run(`${text}yyyy`, 3), 12);
  });

  it('halts and resumes without losing anything', async () => {
    const core = new Core(SETTINGS);
    const { sink, order, all } = ends();
    core.submit(new Sequence(promptOf(Buffer.from('a')), 20, 0, sink));
    core.halt();
    core.submit(new Sequence(promptOf(Buffer.from('b')), 20, 0, sink));
    assert.equal(core.waiting, 1);
    core.resume();
    await all(2);
    assert.deepEqual(order.toSorted(), ['a', 'b']);
  });

  it('takes prompts one after the other, by uncached tokens', async () => {
    const core = new Core({ ...SETTINGS, maxNumSeqs: 8, prefillRate: 10_000 });
    const { sink, all } = ends();
    const sequences = ['a', 'b', 'c'].map((name) => new Sequence(promptOf(Buffer.from(name.repeat(800))), 1, 0, sink));
    for (const sequence of sequences) core.submit(sequence);
    await all(3);
    // 200 tokens at 10,000 a second: at least 20 ms apart, however late the timers are.
    const [a, b, c] = sequences.map(({ firstToken, arrived }) => firstToken - arrived);
    assert.ok(a! >= 19 && b! >= 39 && c! >= 59, `${a} ${b} ${c}`);
  });
});
