import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, relative } from 'node:path';
import { configFor, spawnRouter } from '../../fakes/spawn-router.ts';
import type { Check, Suite } from '../suite.ts';
import { checkout, execute, npm } from '../tools.ts';

/** Its tests of the resources that a router forwards, and its unit tests that need no server. */
const RESOURCES = [
  'chat/completions/completions',
  'completions',
  'embeddings',
  'audio/speech',
  'audio/transcriptions',
  'audio/translations',
  'images',
  'moderations',
  'models',
  'responses/responses',
];

/** Why a test cannot pass through a router, by what it fails with; everything else must have the same result as without one. */
const DIFFERENT: readonly (readonly [message: RegExp, reason: string])[] = [
  [/missing 'model' in request body/, 'the request names no model, by which alone a router can choose'],
  [/DELETE \/v1\/models/, 'models are not deleted through the router'],
  [/Nothing is served at|use POST/, 'stored objects lie in one engine, and their paths name no model: not forwarded'],
];

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly {
      readonly title: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

type Results = Map<string, { status: string; message: string }>;

/** The mock serves `/chat/completions`; engines have their paths under `/v1`. */
async function underV1(port: number): Promise<{ url: string; stop: () => void }> {
  const server = createServer((incoming, outgoing) => {
    const path = incoming.url!.replace(/^\/v1(?=\/)/, '');
    const options = { host: '127.0.0.1', port, path, method: incoming.method!, headers: incoming.headers };
    const sent = forward(options, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
    });
    sent.on('error', () => outgoing.destroy());
    incoming.pipe(sent);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop: () => server.close() };
}

async function runTests(folder: string, tools: string, base: string): Promise<Results> {
  const config = join(tools, 'vitest.config.mts');
  const include = RESOURCES.map((name) => `tests/api-resources/${name}.test.ts`);
  const alias = [
    { find: '^openai$', replacement: join(folder, 'src/index.ts') },
    { find: '^openai/(.*)$', replacement: `${join(folder, 'src')}/$1` },
  ];
  const aliases = alias.map(
    ({ find, replacement }) =>
      `{ find: new RegExp(${JSON.stringify(find)}), replacement: ${JSON.stringify(replacement)} }`,
  );
  writeFileSync(
    config,
    `export default { root: ${JSON.stringify(folder)}, resolve: { alias: [${aliases.join(', ')}] },` +
      ` test: { globals: true, testTimeout: 30000, include: ${JSON.stringify(include)}, maxWorkers: 2 } };\n`,
  );
  const file = join(tools, 'results.json');
  await execute(
    join(tools, 'node_modules/.bin/vitest'),
    ['run', '--config', config, '--reporter=json', `--outputFile=${file}`],
    {
      cwd: folder,
      timeout: 300_000,
      env: { TEST_API_BASE_URL: base },
    },
  );
  const report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
  const results: Results = new Map();
  for (const { name, assertionResults } of report.testResults) {
    const file = relative(join(folder, 'tests/api-resources'), name).replace(/\.test\.ts$/, '');
    for (const { title, status, failureMessages } of assertionResults) {
      const message = failureMessages?.[0]?.split('\n')[0] ?? '';
      results.set(`${file}: ${title}`, { status, message });
    }
  }
  return results;
}

/** Every model that the tests name, so that the router knows them. */
function modelsOf(folder: string): string[] {
  const models = new Set<string>();
  for (const name of RESOURCES) {
    const file = join(folder, 'tests/api-resources', `${name}.test.ts`);
    if (!existsSync(file)) continue;
    for (const [, model] of readFileSync(file, 'utf8').matchAll(/(?:model: |retrieve\()'([^']+)'/g)) models.add(model!);
  }
  return [...models];
}

export const openaiNode: Suite = {
  name: 'openai-node',
  what: "the tests of OpenAI's SDK for Node, against the mock they are written for, without and with the router in between",
  run: async ({ checkouts, log }) => {
    const repository = 'https://github.com/openai/openai-node';
    const { folder, commit } = await checkout('openai-node', repository, checkouts['openai-node']);
    const tools = await npm('openai-node', ['vitest@4.1.10', '@stdy/cli@0.22.1', 'ws@8']);
    if (!existsSync(join(folder, 'node_modules')))
      symlinkSync(join(tools, 'node_modules'), join(folder, 'node_modules'));
    const spec = readdirSync(join(folder, 'api_reference')).find((name) => name.endsWith('.yml'))!;
    const port = 4_010;
    const flags = ['query-array', 'form-array', 'query-object', 'form-object'].map(
      (what) => `--validator-${what}-format=brackets`,
    );
    const steady = spawn(
      join(tools, 'node_modules/.bin/steady'),
      ['--host', '127.0.0.1', '-p', String(port), ...flags, join(folder, 'api_reference', spec)],
      // Its program is started by a script, which leaves it behind when it is killed alone.
      { stdio: 'ignore', detached: true },
    );
    const engine = await underV1(port);
    const backend = { url: engine.url, models: modelsOf(folder) };
    const router = await spawnRouter({ config: configFor([backend], { logging: { format: 'json' } }) });
    try {
      while (!(await fetch(`http://127.0.0.1:${port}/_x-steady/health`).catch(() => undefined))?.ok) {
        if (steady.exitCode !== null) throw new Error(`the mock ended with ${steady.exitCode}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      log('without the router');
      const direct = await runTests(folder, tools, `http://127.0.0.1:${port}`);
      log('with the router');
      const routed = await runTests(folder, tools, `${router.url}/v1`);
      const checks: Check[] = [...routed].map(([name, { status, message }]) => {
        const without = direct.get(name)?.status;
        const reason = DIFFERENT.find(([pattern]) => pattern.test(message))?.[1];
        const same = status === without;
        const note = same ? (status === 'passed' ? 'passes' : `${status}, as without the router`) : (reason ?? message);
        return { name, ok: same || reason !== undefined, byDesign: !same, note };
      });
      return {
        about: `${repository} at ${commit}, with its own mock (\`@stdy/cli\`) and OpenAPI document as the engine.`,
        checks,
      };
    } finally {
      await router.stop('SIGKILL');
      engine.stop();
      if (steady.exitCode === null) process.kill(-steady.pid!, 'SIGKILL');
    }
  },
};
