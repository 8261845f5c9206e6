import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Invocation, parseArgv } from '../../src/cli/argv.ts';

const SOURCE = ['--service-discovery', 'static', '--static-backends', 'http://a:1', '--static-models', 'm'];
const FLAGS = [...SOURCE, '--routing-logic', 'roundrobin'];

function parsed(...argv: string[]): Invocation {
  const result = parseArgv(argv);
  assert.ok('command' in result, JSON.stringify(result));
  return result;
}

function refused(...argv: string[]): { message: string; exitCode: number } {
  const result = parseArgv(argv);
  assert.ok('message' in result, JSON.stringify(result));
  return result;
}

/** What the overlay writes, by path. */
function written(...argv: string[]): Record<string, unknown> {
  return Object.fromEntries(parsed(...argv).overlay.map(({ path, value }) => [path.join('.'), value]));
}

test('without a command the router serves; serve says the same', () => {
  assert.equal(parsed('--config', 'a.yaml').command, 'serve');
  assert.deepEqual(parsed('serve', '--config', 'a.yaml'), parsed('--config', 'a.yaml'));
  assert.equal(parsed('--config', 'a.yaml').config, 'a.yaml');
  assert.equal(parsed('-c', 'a.yaml').config, 'a.yaml');
});

test('--a=b, unique prefixes, last wins, empty values', () => {
  assert.equal(parsed('--config=a=b.yaml').config, 'a=b.yaml');
  assert.equal(parsed('--conf', 'a.yaml').config, 'a.yaml');
  assert.equal(written('--config', 'a', '--port', '1', '--port=2')['listeners.public.bind'], '2');
  assert.equal(written('--config', 'a', '--engine-stats-i', '15')['stats.engine.interval'], '15s');
  assert.equal(written('--config', 'a', '--log-stats')['stats.log.every'], '30s', 'exact before longer names');
  assert.equal(written('--config', 'a', '--k8s-label-selector', '')['discovery.cli.labelSelector'], '');
  assert.equal(written('--config', 'a', '--k8s-label-selector=')['discovery.cli.labelSelector'], '');
});

test('usage errors of the flags exit 2, as argparse has them', () => {
  const cases: [string[], RegExp][] = [
    [['--prot', '1'], /unrecognized arguments: --prot \(did you mean "--port"\?\)/],
    [['-x'], /unrecognized arguments: -x/],
    [['--port'], /argument --port: expected one argument/],
    [['--port', '--host', 'x'], /argument --port: expected one argument/],
    [['--port', 'x'], /argument --port: invalid int value: 'x'/],
    [['--k8s', 'x'], /ambiguous option: --k8s could match --k8s-service-discovery-type, --k8s-port/],
    [['--routing-logic', 'roundrobbin'], /invalid choice: 'roundrobbin' \(choose from 'roundrobin'/],
    [['--log-stats=1'], /ignored explicit argument/],
    [['--config', 'a', 'b'], /unrecognized arguments: b/],
    [['--config', 'a', '--set', 'x'], /expected PATH=VALUE/],
    [['--config', 'a', '--set', 'a=['], /not valid YAML/],
    [['--loadaware-beta', 'x'], /invalid float value/],
  ];
  for (const [argv, message] of cases) {
    const result = refused(...argv);
    assert.match(result.message, message);
    assert.match(result.message, /^usage: vllm-router/);
    assert.equal(result.exitCode, 2, argv.join(' '));
  }
});

test('wrong use of a command exits 64', () => {
  assert.deepEqual(refused('chekc').exitCode, 64);
  assert.match(refused('chekc').message, /did you mean "check"/);
  assert.equal(refused('schema', 'a', 'b').exitCode, 64);
  assert.equal(refused('check', '--format', 'xml').exitCode, 64);
  assert.equal(refused('print', 'a', 'b').exitCode, 64);
});

test('a file in place of a command: how to run and how to check it', () => {
  for (const name of ['router.yaml', 'conf/router', './r.json']) {
    const parsed = parseArgv([name]);
    assert.ok('message' in parsed);
    assert.equal(parsed.exitCode, 64);
    assert.ok(
      parsed.message.includes(`(to run it: vllm-router --config ${name}; to check it: vllm-router check ${name})`),
    );
  }
});

test('what the original checks after parsing exits 1', () => {
  const cases: [string[], RegExp][] = [
    [[], /--routing-logic is required/],
    [['--service-discovery', 'static'], /--routing-logic is required/],
    [['--routing-logic', 'roundrobin'], /--service-discovery is required/],
    [['--service-discovery', 'static', '--routing-logic', 'roundrobin'], /needs --static-backends/],
    [[...FLAGS.slice(0, 4), '--routing-logic', 'roundrobin'], /needs --static-models/],
    [[...SOURCE, '--routing-logic', 'session'], /needs --session-key/],
    [[...SOURCE, '--routing-logic', 'session', '--session-key', ''], /needs --session-key/],
    [[...FLAGS, '--engine-stats-interval', '0'], /must be greater than 0/],
    [[...FLAGS, '--request-stats-window', '-5'], /must be greater than 0/],
    [[...FLAGS, '--static-model-types', 'chat,poem'], /'poem' is not one of/],
    [[...FLAGS, '--static-backends', 'http://a,http://b', '--static-models', 'm'], /nothing for http:\/\/b/],
    [[...FLAGS, '--static-models', 'm,n'], /no URL for n/],
    [[...FLAGS, '--static-aliases', 'gpt'], /expected ALIAS:MODEL/],
    [[...SOURCE, '--routing-logic', 'disaggregated_prefill'], /needs --prefill-model-labels/],
    [[...FLAGS, '--sentry-traces-sample-rate', '2'], /between 0 and 1/],
  ];
  for (const [argv, message] of cases) {
    const result = refused(...argv);
    assert.match(result.message, message, argv.join(' '));
    assert.equal(result.exitCode, 1, argv.join(' '));
  }
});

test('what cannot be supported is refused with what to use instead', () => {
  const cases: string[][] = [
    ['--callbacks', 'my.module'],
    ['--request-rewriter', 'mine'],
    ['--enable-batch-api'],
    ['--sentry-dsn', 'https://x'],
    ['--external-providers-config', 'x.yaml'],
    ['--feature-gates', 'SemanticCache=true'],
    ['--feature-gates', 'A=false, PIIDetection=True'],
    ['--service-discovery', 'external-only'],
  ];
  for (const argv of cases) {
    const { message, exitCode } = refused(...FLAGS, ...argv);
    assert.match(message, /not supported[:;] \S+ \S+/, argv.join(' '));
    assert.equal(exitCode, 1);
  }
});

test('what has no effect is said once each, and empty values are no use', () => {
  const { notices } = parsed(
    ...FLAGS,
    ...['--lmcache-controller-port', '9000', '--semantic-cache-model', 'm', '--feature-gates', 'SemanticCache=false'],
    ...['--sentry-dsn', '', '--root-path', '', '--callbacks', '', '--request-rewriter', 'noop', '--otel-secure'],
  );
  assert.deepEqual(
    notices.map((notice) => notice.split(' ')[0]),
    ['--otel-secure', '--lmcache-controller-port', '--feature-gates', '--semantic-cache-model'],
  );
  assert.match(parsed(...SOURCE, '--routing-logic', 'kvaware').notices.join(), /kvaware is prefix-aware here/);
  assert.match(parsed(...FLAGS, '--session-key', 'x').notices.join(), /--session-key has no effect/);
  const labels = ['--prefill-model-labels', 'pre', '--decode-model-labels', 'dec'];
  const without = (words: string) =>
    ['prefill', 'decode'].map((role) => `--${role}-model-labels has no effect ${words}`);
  assert.deepEqual(parsed(...FLAGS, ...labels).notices, without('with --routing-logic roundrobin'));
  const file = ['--config', 'router.yaml', ...labels];
  assert.deepEqual(parsed(...file).notices, without('without --routing-logic disaggregated_prefill'));
  assert.deepEqual(parsed(...SOURCE, '--routing-logic', 'disaggregated_prefill', ...labels).notices, []);
});

test('a file without --config is told how', () => {
  assert.match(refused('serve', 'router.yaml').message, /write --config router\.yaml/);
});

test('--help and --version win over what is missing', () => {
  assert.equal(parsed('--help').command, 'help');
  assert.equal(parsed('-h').command, 'help');
  assert.deepEqual(parsed('check', '--help').args, ['check']);
  assert.equal(parsed('--version').command, 'version');
});

test('check and print take files, and flags over them', () => {
  assert.deepEqual(parsed('check', 'a', 'b', '--strict').args, ['a', 'b']);
  assert.equal(parsed('check', 'a', '--strict').options.get('strict'), 'true');
  assert.deepEqual(written('check', 'a', '--routing-logic', 'roundrobin'), {
    'defaults.algorithm': { type: 'round-robin' },
  });
  assert.deepEqual(written('print', '--static-backends', 'http://a:1'), {
    'discovery.cli.type': 'static',
    'discovery.cli.backends': [],
    'discovery.cli.backends.0': { url: 'http://a:1' },
  });
  assert.deepEqual(parsed('check', '--', '-odd-name').args, ['-odd-name']);
});

test('Helm passes its arguments as they are', () => {
  const { overlay } = parsed(
    ...['--host', '0.0.0.0', '--port', '8000', '--service-discovery', 'k8s', '--k8s-namespace', 'prod'],
    ...['--k8s-service-discovery-type', 'pod-ip', '--k8s-label-selector', 'environment=router,release=router'],
    ...['--routing-logic', 'roundrobin', '--engine-stats-interval', '15', '--request-stats-window', '60'],
  );
  assert.deepEqual(
    overlay.map(({ path, value, flag }) => `${flag} ${path.join('.')} ${JSON.stringify(value)}`),
    [
      '--host listeners.public.bind "0.0.0.0"',
      '--port listeners.public.bind "8000"',
      '--service-discovery discovery.cli.type "k8s"',
      '--k8s-service-discovery-type discovery.cli.mode "pod-ip"',
      '--k8s-namespace discovery.cli.namespace "prod"',
      '--k8s-label-selector discovery.cli.labelSelector "environment=router,release=router"',
      '--routing-logic defaults.algorithm {"type":"round-robin"}',
      '--engine-stats-interval stats.engine.interval "15s"',
      '--request-stats-window stats.window "60s"',
      '--routing-logic without --config logging.routing true',
    ],
  );
});
