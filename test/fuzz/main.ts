import { commandLine, refuse } from '../command-line.ts';
import { Campaign } from './campaign.ts';

const USAGE = `npm run fuzz -- [options]   random requests, bytes and engines; exit code 1 when an invariant does not hold

  --seconds N  how long (60)
  --width N    cases at a time (24)
  --seed N     the same cases again (another one each time)
  --case N     one case of a seed
`;

const { values } = commandLine(USAGE, {
  options: {
    seed: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    width: { type: 'string', default: '24' },
    case: { type: 'string' },
  },
});
for (const [name, value] of Object.entries(values)) {
  if (!/^\d+$/.test(value)) refuse(USAGE, `--${name} ${value} is no number`);
}
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
