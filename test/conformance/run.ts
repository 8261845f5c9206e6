import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { commandLine, refuse } from '../command-line.ts';
import { type Check, NotRun, type Suite } from './suite.ts';
import { garden } from './suites/garden.ts';
import { h1spec } from './suites/h1spec.ts';
import { openaiNode } from './suites/openai-node.ts';
import { promtool } from './suites/promtool.ts';
import { schemathesis } from './suites/schemathesis.ts';
import { slowhttptest } from './suites/slowhttptest.ts';
import { smuggler } from './suites/smuggler.ts';
import { toxiproxy } from './suites/toxiproxy.ts';

const SUITES: readonly Suite[] = [
  h1spec,
  garden,
  smuggler,
  slowhttptest,
  toxiproxy,
  openaiNode,
  schemathesis,
  promtool,
];
const DOCUMENT = fileURLToPath(new URL('../../docs/conformance.md', import.meta.url));

const USAGE = `npm run test:conformance -- [NAME…] [options]   suites that nobody here wrote, against the router as a process

${SUITES.map(({ name, what }) => `  ${name.padEnd(21)} ${what}`).join('\n')}

  --write               puts the results into docs/conformance.md
  --garden FOLDER       checkouts of the suites that no registry has
  --smuggler FOLDER
  --openai-node FOLDER
`;

const { values, positionals } = commandLine(USAGE, {
  allowPositionals: true,
  options: {
    write: { type: 'boolean', default: false },
    garden: { type: 'string' },
    smuggler: { type: 'string' },
    'openai-node': { type: 'string' },
  },
});
const unknown = positionals.find((name) => !SUITES.some((suite) => suite.name === name));
if (unknown !== undefined) refuse(USAGE, `there is no suite ${unknown}`);
const { write, ...checkouts } = values;
const chosen = SUITES.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
let failed = 0;

for (const suite of chosen) {
  console.log(`\n== ${suite.name}: ${suite.what}`);
  const section = await report(suite);
  console.log(section);
  if (write) replaceSection(suite.name, section);
}
process.exit(failed > 0 ? 1 : 0);

async function report(suite: Suite): Promise<string> {
  try {
    const { about, checks } = await suite.run({ checkouts, log: (line) => console.log(`  ${line}`) });
    const bad = checks.filter(({ ok }) => !ok);
    failed += bad.length;
    const different = checks.filter(({ ok, byDesign }) => ok && byDesign).length;
    const passed = `${checks.length - bad.length - different} of ${checks.length} passed`;
    const rest = `${different > 0 ? `, ${different} differ by design` : ''}${bad.length > 0 ? `, ${bad.length} failed` : ''}`;
    return `${passed}${rest}. ${about}\n\n${table(checks)}`;
  } catch (error) {
    if (!(error instanceof NotRun)) throw error;
    return `Not run: ${error.message}.`;
  }
}

function table(checks: readonly Check[]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const rows = checks.map(
    ({ name, ok, byDesign, note = '' }) =>
      `| ${cell(name)} | ${ok ? (byDesign ? 'by design' : 'ok') : '**failed**'} | ${cell(note)} |`,
  );
  return ['| check | result | seen |', '|---|---|---|', ...rows].join('\n');
}

/** Between the suite's two markers. */
function replaceSection(name: string, section: string): void {
  const text = readFileSync(DOCUMENT, 'utf8');
  const begin = `<!-- ${name}: begin -->`;
  const end = `<!-- ${name}: end -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < 0) throw new Error(`docs/conformance.md has no place for ${name}`);
  writeFileSync(DOCUMENT, `${text.slice(0, from + begin.length)}\n${section}\n${text.slice(to)}`);
}
