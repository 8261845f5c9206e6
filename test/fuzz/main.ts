import { parseArgs } from 'node:util';
import { Campaign } from './campaign.ts';

/**
 * npm run fuzz -- [--seed N] [--seconds S] [--width W]: random requests, bytes and engines until the time is over.
 * npm run fuzz -- --seed N --case K: one case again.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    width: { type: 'string', default: '24' },
    case: { type: 'string' },
  },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
const campaign = await Campaign.start(seed);
if (values.case !== undefined) {
  const number = Number(values.case);
  await (number % 4 === 3 ? campaign.wild(number) : campaign.request(number));
} else {
  const end = performance.now() + Number(values.seconds) * 1_000;
  await campaign.run(1, Number(values.width), () => performance.now() > end);
}
const left = await campaign.settle();
await campaign.stop();

for (const [ending, count] of [...campaign.endings].sort()) console.log(`${String(count).padStart(7)}  ${ending}`);
console.log(`seed ${seed}: ${campaign.cases} cases, ${campaign.findings.length} findings`);
for (const { number, what, story } of campaign.findings.slice(0, 20)) {
  console.log(`\n--seed ${seed} --case ${number}\n  ${what.join('\n  ')}\n  ${story}`);
}
for (const what of left) console.log(`left behind: ${what}`);
process.exitCode = campaign.findings.length + left.length > 0 ? 1 : 0;
