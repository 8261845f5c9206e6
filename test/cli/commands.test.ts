// biome-ignore-all lint/suspicious/noControlCharactersInRegex: colours are escape sequences
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { type Invocation, parseArgv } from '../../src/cli/argv.ts';
import { runCheck } from '../../src/cli/check.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { runDiff } from '../../src/cli/diff.ts';
import { FLAGS } from '../../src/cli/flags.ts';
import { runHelp } from '../../src/cli/help.ts';
import { runPrint } from '../../src/cli/print.ts';
import { runSchema } from '../../src/cli/schema.ts';
import { captureIo } from './capture-io.ts';

const EXAMPLE = fileURLToPath(new URL('../../router.example.yaml', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'vllm-router-'));
after(() => rmSync(folder, { recursive: true }));
process.chdir(folder);

const RUNS = { diff: runDiff, check: runCheck, print: runPrint, schema: runSchema, help: runHelp };

async function run(argv: string[], options: Parameters<typeof captureIo>[0] = {}) {
  const invocation = parseArgv(argv);
  assert.ok('command' in invocation, JSON.stringify(invocation));
  const io = captureIo(options);
  const code = await RUNS[invocation.command as keyof typeof RUNS](invocation as Invocation, io);
  return { code, out: io.stdout(), err: io.stderr() };
}

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

const WARNS = file(
  'warns.yaml',
  'discovery: { a: { type: k8s }, b: { type: k8s } }\nroutes: [{ name: r, match: {}, backends: { from: [a] } }]\n',
);
const FAILS = file('fails.yaml', 'discovery: { a: { type: k9s } }\n');

test('router.example.yaml has no finding, not even with --strict', async () => {
  const env = { ROUTER_KEYS: 'a', GPU2_KEY: 'b', OTLP_AUTHORIZATION: 'Bearer c' };
  const { code, out } = await run(['check', '--strict', EXAMPLE], { env });
  assert.equal(out, '');
  assert.equal(code, 0);
});

test('every example of the project has no finding', async () => {
  const examples = fileURLToPath(new URL('../../examples/', import.meta.url));
  for (const name of readdirSync(examples).filter((entry) => entry.endsWith('.yaml'))) {
    const { code, out } = await run(['check', '--strict', '--no-secrets', join(examples, name)]);
    assert.deepEqual([code, out], [0, ''], name);
  }
});

test('print: a password in a URL is nowhere in it', async () => {
  const name = file(
    'password.yaml',
    'discovery: { a: { type: static, backends: [{ url: "http://me:never@a:1/x" }] } }\n',
  );
  for (const flags of [[], ['--written'], ['--format', 'json']]) {
    const { out } = await run(['print', name, ...flags]);
    assert.match(out, /http:\/\/a:1\/x/);
    assert.doesNotMatch(out, /never/);
  }
});

test('check: exit 0, 1 and 3', async () => {
  assert.equal((await run(['check', WARNS])).code, 0);
  assert.equal((await run(['check', WARNS, '--strict'])).code, 3);
  assert.equal((await run(['check', WARNS, FAILS, '--strict'])).code, 1);
  assert.equal((await run(['check', 'none.yaml'])).code, 1);
});

test('check: several files are several configurations', async () => {
  const { out, err } = await run(['check', FAILS, WARNS]);
  assert.match(out, /^fails\.yaml:1:25 error discovery\.a\.type: /);
  assert.match(out, /\nwarns\.yaml:1:32 warning discovery\.b: /);
  assert.match(err, /1 error, 1 warning/);
});

test('check: standard input, the default file, flags alone', async () => {
  assert.equal((await run(['check', '-'], { stdin: readFileSync(FAILS, 'utf8') })).code, 1);
  assert.match((await run(['check', '-'], { stdin: 'a: [' })).out, /^stdin:1:/);
  assert.match((await run(['check'])).out, /router\.yaml error: there is no such file/);
  const flags = ['--service-discovery', 'k8s', '--routing-logic', 'roundrobin'];
  assert.equal((await run(['check', ...flags, '--strict'])).code, 0);
});

test('check: formats for machines', async () => {
  const json = JSON.parse((await run(['check', FAILS, '--format', 'json'])).out);
  assert.deepEqual([json[0].file, json[0].line, json[0].code], ['fails.yaml', 1, 'bad-value']);
  const github = (await run(['check', FAILS, '--format', 'github'])).out;
  assert.match(
    github,
    /^::error file=fails\.yaml,line=1,col=25,title=bad-value::discovery\.a\.type: "k9s" is not one of/,
  );
  assert.equal(github.split('\n').length, 2);
  const sarif = JSON.parse((await run(['check', WARNS, '--format', 'sarif'])).out);
  assert.equal(sarif.version, '2.1.0');
  assert.deepEqual(
    sarif.runs[0].tool.driver.rules.map(({ id }: { id: string }) => id),
    ['unused'],
  );
  assert.equal(sarif.runs[0].results[0].level, 'warning');
  assert.deepEqual(sarif.runs[0].results[0].locations[0].physicalLocation.region, {
    startLine: 1,
    startColumn: 32,
    endColumn: 33,
  });
  assert.deepEqual(JSON.parse((await run(['check', EXAMPLE, '--no-secrets', '--format', 'json'])).out), []);
});

test('check: every SARIF result is somewhere, by a URI', async () => {
  const name = file('a b#1.yaml', 'discovery: { a: { type: k9s } }\n');
  const argv = ['check', name, 'gone.yaml', join(folder, FAILS), '--set', 'foo=1', '--format', 'sarif'];
  const { results, tool } = JSON.parse((await run(argv)).out).runs[0];
  const places = results.flatMap((result: { locations: object[] }) => result.locations);
  assert.equal(places.length, results.length);
  const found = new Set(
    places.map(
      (place: {
        physicalLocation?: { artifactLocation: { uri: string } };
        logicalLocations?: { fullyQualifiedName: string }[];
      }) => place.physicalLocation?.artifactLocation.uri ?? place.logicalLocations?.[0]?.fullyQualifiedName,
    ),
  );
  assert.deepEqual(found, new Set(['a%20b%231.yaml', '--set foo', 'gone.yaml', `file://${join(folder, FAILS)}`]));
  for (const { id, shortDescription } of tool.driver.rules)
    assert.equal(shortDescription.text, id.replaceAll('-', ' '));
});

test('check: github escapes what would end its line', async () => {
  const name = file('odd,name.yaml', '"a%\\nb": 1\ndiscovery: { a: { type: k8s } }\n');
  const { out } = await run(['check', name, '--format', 'github']);
  assert.match(out, /^::error file=odd%2Cname\.yaml,line=1,col=1,title=unknown-key::unknown key "a%25\\nb"/);
});

test('check: colour only on a terminal, and never with NO_COLOR', async () => {
  assert.match((await run(['check', FAILS], { terminal: true })).out, /\x1b\[31merror\x1b\[0m/);
  assert.doesNotMatch((await run(['check', FAILS], { terminal: true, env: { NO_COLOR: '1' } })).out, /\x1b/);
  assert.equal((await run(['check', FAILS])).out.trim().split('\n').length, 1);
});

test('print: the effective configuration is a valid file with the same meaning', async () => {
  const { code, out } = await run(['print', EXAMPLE]);
  assert.equal(code, 0);
  assert.match(out, /weight: 2 # .*router\.example\.yaml:\d+/);
  assert.match(out, /budget: 0\.2 # /);
  const again = file('again.yaml', out);
  const json = async (path: string) => JSON.parse((await run(['print', path, '--format', 'json'])).out);
  assert.deepEqual(await json(again), await json(EXAMPLE));
  assert.deepEqual(parse(out), await json(EXAMPLE));
});

test('print: flags become a file', async () => {
  const flags = [
    ...['--service-discovery', 'static', '--static-backends', 'http://a:1,http://b:1', '--static-models', 'm,m'],
    ...['--routing-logic', 'session', '--session-key', 'x-user', '--port', '80'],
  ];
  const { out, code } = await run(['print', '--written', ...flags]);
  assert.equal(code, 0);
  assert.deepEqual(parse(out), {
    listeners: { public: { bind: '0.0.0.0:80' } },
    discovery: {
      cli: {
        type: 'static',
        backends: [
          { url: 'http://a:1', models: ['m'] },
          { url: 'http://b:1', models: ['m'] },
        ],
      },
    },
    defaults: { algorithm: { type: 'session', key: 'x-user' } },
    logging: { routing: true },
  });
  assert.match(out, /bind: 0\.0\.0\.0:80 # --port/);
});

test('print: JSON with who said each value', async () => {
  const argv = ['print', '--format', 'json', '--origins', WARNS, '--port', '9000'];
  const { config, origins } = JSON.parse((await run(argv)).out);
  assert.equal(config.listeners.public.bind, '0.0.0.0:9000');
  assert.equal(origins['listeners.public.bind'], '--port');
  assert.equal(origins['discovery.a.type'], 'warns.yaml:1');
  assert.equal(origins['defaults.timeouts.connect'], 'default');
});

test('print: secrets are names and never what they hold', async () => {
  const { out } = await run(['print', EXAMPLE], { env: { ROUTER_KEYS: 'never-shown', GPU2_KEY: 'never-shown' } });
  assert.match(out, /env: GPU2_KEY/);
  assert.doesNotMatch(out, /never-shown/);
});

test('print: an invalid file prints its findings and nothing else', async () => {
  const { code, out, err } = await run(['print', FAILS]);
  assert.deepEqual([code, out], [1, '']);
  assert.match(err, /k9s/);
});

test('diff: exit 0, 2 and 1', async () => {
  const same = await run(['diff', WARNS, WARNS]);
  assert.deepEqual([same.code, same.out], [0, 'no change\n']);
  const other = file(
    'other.yaml',
    'discovery: { a: { type: k8s, port: 9 }, b: { type: k8s } }\nroutes: [{ name: r, match: {}, backends: { from: [a] } }]\n',
  );
  const changed = await run(['diff', WARNS, other]);
  assert.deepEqual([changed.code, changed.out], [2, '~ discovery.a.port: 8000 → 9 (hot)\n1 change: 1 hot\n']);
  assert.deepEqual(
    JSON.parse((await run(['diff', '-', other, '--format', 'json'], { stdin: readFileSync(WARNS, 'utf8') })).out),
    [{ kind: 'changed', path: 'discovery.a.port', before: 8000, after: 9, reload: 'hot' }],
  );
  assert.equal((await run(['diff', WARNS, FAILS])).code, 1);
  assert.equal((await run(['diff', WARNS])).code, 64);
});

test('schema: whole, or one part', async () => {
  assert.equal(JSON.parse((await run(['schema'])).out).title, 'vllm-router configuration');
  const part = await run(['schema', 'routes[0].timeouts.connect']);
  assert.match(part.out, /^routes\[0\]\.timeouts\.connect: Until a backend/);
  assert.match((await run(['schema', 'discovery.lab.backends.0.weight'])).out, /default 1/);
  const wrong = await run(['schema', 'routes[0].timeout']);
  assert.equal(wrong.code, 64);
  assert.match(wrong.err, /did you mean "timeouts"/);
  assert.equal((await run(['schema', 'routes['])).code, 64);
});

test('schema: of a list or a map of names, what each holds; of a key in the wrong place, where it stands', async () => {
  const { out } = await run(['schema', 'routes']);
  assert.match(out, /each item: A rule/);
  assert.match(out, /\n {4}match \(a map, required\)/);
  assert.match((await run(['schema', 'listeners'])).out, /each NAME: .*\n.*\n {4}bind \(host:port/);
  assert.match((await run(['schema', 'discovery'])).out, /each NAME: .*type: static.*backends.*type: k8s.*namespace/s);
  assert.equal((await run(['schema', 'routes[].name'])).out, (await run(['schema', 'routes[0].name'])).out);
  for (const line of out.split('\n')) assert.ok(line.length <= 100, line);
  assert.match((await run(['schema', 'firstByte'])).err, /it belongs under defaults\.timeouts or routes\[\]\.timeouts/);
  assert.match((await run(['schema', 'defaults.timeouts.idle.x'])).err, /nothing stands below it/);
});

test('help names every command and every flag, within 100 columns', async () => {
  const { out } = await run(['--help']);
  for (const { name } of FLAGS) assert.match(out, new RegExp(`--${name}\\b`));
  for (const { name, summary } of COMMANDS) {
    assert.ok(out.replace(/\s+/g, ' ').includes(summary));
    const help = (await run(['help', name])).out;
    assert.match(help, new RegExp(`^vllm-router ${name}: `));
    for (const line of help.split('\n')) assert.ok(line.length <= (line.startsWith('    ') ? 120 : 100), line);
  }
  for (const line of out.split('\n')) assert.ok(line.length <= 100, line);
  assert.equal((await run(['help', 'nothing'])).code, 64);
  assert.match((await run(['help', 'chekc'])).err, /no command 'chekc' \(did you mean "check"\?\)/);
});

test('the defaults that help tells are those of the schema', async () => {
  const { out } = await run([
    'print',
    '--service-discovery',
    'k8s',
    '--routing-logic',
    'roundrobin',
    '--format',
    'json',
  ]);
  const effective = JSON.parse(out);
  const at = (path: string): unknown => path.split('.').reduce((value, key) => value?.[key], effective);
  const told = (name: string): string | undefined => FLAGS.find((flag) => flag.name === name)?.default;
  assert.equal(at('listeners.public.bind'), `${told('host')}:${told('port')}`);
  assert.equal(String(at('discovery.cli.port')), told('k8s-port'));
  assert.equal(at('discovery.cli.namespace'), told('k8s-namespace'));
  assert.equal(at('discovery.cli.mode'), told('k8s-service-discovery-type'));
  assert.equal(at('stats.engine.interval'), `${told('engine-stats-interval')}s`);
  assert.equal(at('stats.window'), `${told('request-stats-window')}s`);
  assert.equal(at('logging.level'), told('log-level'));
  assert.equal(at('logging.format'), told('log-format'));
});
