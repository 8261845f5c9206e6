import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PickRequest } from '../../src/algorithms/algorithm.ts';
import { Shadow } from '../../src/algorithms/shadow.ts';
import { createAlgorithm } from '../../src/algorithms/table.ts';
import { fleet, request, seeded } from './fleet.ts';

function ask(seed: string): PickRequest {
  const body = Buffer.from(seed.repeat(Math.ceil(8000 / seed.length)));
  return request({ body, promptRange: () => [0, body.length] });
}

const context = { random: seeded(1), now: () => 0 };

test('agreement and hit share of what others would have picked', () => {
  const live = createAlgorithm({ type: 'round-robin' }, context);
  const shadow = new Shadow(
    new Map([
      ['same', createAlgorithm({ type: 'round-robin' }, context)],
      [
        'prefix-aware',
        createAlgorithm({ type: 'prefix-aware', indexSize: 1 << 20, otherwise: { type: 'round-robin' } }, context),
      ],
    ]),
    1 << 20,
  );
  const candidates = fleet(1, 1, 1, 1);
  const random = seeded(2);
  for (let count = 0; count < 400; count++) {
    const asked = ask(`conversation ${Math.floor(random() * 50)} `);
    const candidate = live.pick(candidates, asked)!;
    shadow.picked(candidates, asked, candidate);
    shadow.observe({ type: 'dispatched', request: asked, candidate });
    shadow.observe({ type: 'first-byte', request: asked, candidate });
    shadow.observe({ type: 'usage', request: asked, candidate, promptTokens: 2000, cachedTokens: 0 });
    shadow.observe({ type: 'finished', request: asked, candidate, ok: true, beforeFirstByte: false });
  }
  const [liveCount, same, prefixAware] = shadow.counts;
  assert.deepEqual(
    [liveCount, same, prefixAware].map((count) => [count!.algorithm, count!.picks]),
    [
      ['live', 400],
      ['same', 400],
      ['prefix-aware', 400],
    ],
  );
  assert.deepEqual([liveCount!.agreed, same!.agreed], [400, 400]);
  assert.ok(prefixAware!.agreed > 40 && prefixAware!.agreed < 250, `${prefixAware!.agreed}`);
  const share = (count: typeof liveCount) => count!.cachedBytes / count!.promptBytes;
  assert.equal(share(same), share(liveCount));
  assert.ok(share(prefixAware) > share(liveCount) + 0.2, `${share(prefixAware)} against ${share(liveCount)}`);
  assert.ok(share(prefixAware) > 0.75);
});

test('retries are counted once, requests without a prompt for agreement only, removed backends are forgotten', () => {
  const shadow = new Shadow(new Map([['least-load', createAlgorithm({ type: 'least-load' }, context)]]), 1 << 20);
  const candidates = fleet(1, 1);
  const asked = ask('a');
  shadow.picked(candidates, asked, candidates[0]!);
  shadow.picked(candidates.slice(1), asked, candidates[1]!);
  shadow.picked(candidates, request(), candidates[1]!);
  shadow.observe({ type: 'removed', id: candidates[0]!.id });
  shadow.picked(candidates, ask('a'), candidates[0]!);
  for (const { picks, cachedBytes } of shadow.counts) assert.deepEqual([picks, cachedBytes], [3, 0]);
});
