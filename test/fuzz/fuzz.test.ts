import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Campaign } from './campaign.ts';

/** Long runs are `npm run fuzz`; this one is bounded by cases, so that it is the same everywhere. */
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_260_601);
const CASES = Number(process.env['FUZZ_CASES'] ?? 400);

test('one response per request, bytes exact or an error, no hang, nothing left behind', async () => {
  const campaign = await Campaign.start(SEED);
  try {
    await campaign.run(1, 32, (cases) => cases >= CASES);
    assert.deepEqual(campaign.findings, []);
    assert.deepEqual(await campaign.settle(), []);
    // The cases must not all end in the same way.
    const endings = [...campaign.endings.keys()].join(' ');
    for (const ending of ['answered 200', 'cut', 'left', 'wild 400']) assert.ok(endings.includes(ending), endings);
  } finally {
    await campaign.stop();
  }
});
