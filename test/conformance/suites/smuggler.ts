import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setUp } from '../setup.ts';
import type { Suite } from '../suite.ts';
import { checkout, execute } from '../tools.ts';

export const smuggler: Suite = {
  name: 'smuggler',
  what: 'mutations of Transfer-Encoding that desynchronise proxies (https://github.com/defparam/smuggler)',
  run: async ({ checkouts, log }) => {
    const repository = 'https://github.com/defparam/smuggler';
    const { folder, commit } = await checkout('smuggler', repository, checkouts['smuggler']);
    const copy = mkdtempSync(join(tmpdir(), 'smuggler-'));
    const setup = await setUp([{}]);
    try {
      cpSync(folder, copy, { recursive: true });
      // Its own content type is refused before a byte of the body is read, which would hide what it looks for.
      for (const name of readdirSync(join(copy, 'configs'))) {
        const file = join(copy, 'configs', name);
        const text = readFileSync(file, 'utf8');
        writeFileSync(file, text.replaceAll('application/x-www-form-urlencoded; charset=UTF-8', 'application/json'));
      }
      const checks = [];
      for (const config of ['default.py', 'doubles.py', 'exhaustive.py']) {
        log(config);
        const url = `${setup.router.url}/v1/chat/completions`;
        const args = ['smuggler.py', '-u', url, '--no-color', '-t', '2', '-c', config];
        const { stdout } = await execute('python3', args, { cwd: copy, timeout: 1_200_000 });
        const lines = stdout.split(/[\r\n]+/).map((line) => line.trim());
        const done = lines.filter((line) => /^\[.*\]\s*: (?!Checking)/.test(line));
        const issues = done.filter((line) => /Potential|CRITICAL/.test(line));
        const well = done.filter((line) => /: OK/.test(line)).length;
        const other = done.length - well - issues.length;
        checks.push({
          name: `${config}: ${done.length} mutations`,
          ok:
            done.length > 0 &&
            issues.length === 0 &&
            !setup.engines[0]!.requests.some(({ method }) => method === 'POST'),
          note:
            issues.length > 0
              ? issues.join('; ').slice(0, 300)
              : `${well} ok, ${other} refused without an answer or waiting`,
        });
      }
      return { about: `${repository} at ${commit}, with \`content-type: application/json\`.`, checks };
    } finally {
      await setup.stop();
      rmSync(copy, { recursive: true, force: true });
    }
  },
};
