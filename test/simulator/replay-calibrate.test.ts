import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calibrate, fit, type Prober } from '../../src/simulator/replay/calibrate.ts';

test('β1 from the prompts’ lengths, β0 and β2 from how many decode at once', () => {
  const prefills = [256, 1024, 4096].map((promptTokens) => ({ promptTokens, ttft: 30 + 0.05 * promptTokens }));
  const decodes = [1, 4, 16].map((sequences) => ({ sequences, perToken: 8 + 0.1 * sequences }));
  const { beta0, beta1, beta2 } = fit(prefills, decodes);
  for (const [found, expected] of [
    [beta0, 8],
    [beta1, 0.05],
    [beta2, 0.1],
  ] as const) {
    assert.ok(Math.abs(found - expected) < 1e-9, `${found} is not ${expected}`);
  }
});

test('noise makes nothing negative, and one point is no slope', () => {
  const level = fit([{ promptTokens: 10, ttft: 5 }], [{ sequences: 2, perToken: 7 }]);
  assert.deepEqual(level, { beta0: 7, beta1: 0, beta2: 0 });
  const falling = [1, 2].map((sequences) => ({ sequences, perToken: 10 - sequences }));
  assert.equal(fit([{ promptTokens: 10, ttft: 5 }], falling).beta2, 0);
});

test('the slow first requests of a size do not count', async () => {
  const asked = new Map<number, number>();
  const prober: Prober = {
    prefill: async (tokens) => {
      const before = asked.get(tokens) ?? 0;
      asked.set(tokens, before + 1);
      return { promptTokens: tokens, ttft: before === 0 ? 20_000 : 10 + 0.1 * tokens };
    },
    decode: async (sequences) => ({ sequences, perToken: 5 }),
  };
  const { beta0, beta1, beta2 } = await calibrate(prober);
  assert.ok(Math.abs(beta1 - 0.1) < 1e-9 && beta0 === 5 && beta2 === 0);
});
