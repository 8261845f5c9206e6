import { fileURLToPath } from 'node:url';
import { setUp } from '../setup.ts';
import type { Check, Suite } from '../suite.ts';
import { execute, python } from '../tools.ts';

const DOCUMENT = fileURLToPath(new URL('../../../docs/openapi.json', import.meta.url));

export const schemathesis: Suite = {
  name: 'schemathesis',
  what: 'requests made up from docs/openapi.json, valid and not (https://schemathesis.io)',
  run: async ({ log }) => {
    const bin = await python('schemathesis', '4.32.5');
    const setup = await setUp([{ models: ['chat'] }], {
      listeners: { public: { bind: '127.0.0.1:0', serve: ['openai', 'health', 'metrics', 'admin', 'sleep'] } },
    });
    try {
      const flags = ['--checks', 'all', '--exclude-checks', 'positive_data_acceptance', '--seed', '1'];
      const args = ['run', DOCUMENT, '--url', setup.router.url, ...flags, '--max-examples', '60', '--no-color'];
      const { stdout, code } = await execute(`${bin}/schemathesis`, args, { timeout: 900_000 });
      if (code !== 0) log(stdout.slice(Math.max(0, stdout.search(/=+ FAILURES =+/))));
      return {
        about:
          'PyPI schemathesis 4.32.5, seed 1, all checks but one: bodies that the document allows and an engine refuses are no fault, ' +
          'since what engines take is theirs to say.',
        checks: summary(stdout, code),
      };
    } finally {
      await setup.stop();
    }
  },
};

/** Failures, from the summary at the end. */
function summary(output: string, code: number): Check[] {
  const text = output.slice(Math.max(0, output.search(/=+ SUMMARY =+/)));
  const operations = /Tested: (\d+)/.exec(text)?.[1];
  const cases = /^\s+([\d,]+) generated/m.exec(text)?.[1];
  const failures = [...text.matchAll(/^ {4}❌ (ST\d+ .+)$/gmu)].map(([, name]) => ({ name: name!, ok: false }));
  return [{ name: 'every check', ok: code === 0, note: `${cases} requests to ${operations} operations` }, ...failures];
}
