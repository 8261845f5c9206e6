// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of the config are what is tested
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import type { OverlayEntry } from '../../src/config/overlay.ts';

function load(text: string, overlay: OverlayEntry[] = []) {
  return loadConfig({ files: [{ name: 'dynamic.json', text }], env: { NS: 'prod' }, overlay });
}

test('the flat JSON of the original is a configuration', () => {
  const { config, diagnostics } = load(
    JSON.stringify({
      service_discovery: 'static',
      routing_logic: 'session',
      session_key: 'x-user',
      static_backends: 'http://a:8000,http://b:8000',
      static_models: 'llama,qwen',
      static_aliases: 'gpt-4:llama',
      static_backend_health_checks: true,
      static_backend_health_check_interval: 30,
      callbacks: null,
      enable_batch_api: false,
    }),
  );
  assert.deepEqual(diagnostics, []);
  const source = config!.discovery['cli'];
  assert.deepEqual(source?.type === 'static' && source.backends.map(({ url, models }) => [url, models]), [
    ['http://a:8000', ['llama']],
    ['http://b:8000', ['qwen']],
  ]);
  assert.equal(config!.routes[0]!.algorithm.type, 'session');
  assert.equal(config!.routes[0]!.health.interval, 30_000);
  assert.deepEqual({ ...config!.models.aliases }, { 'gpt-4': 'llama' });
});

test('the nested YAML of the original is one, too', () => {
  const { config, diagnostics } = load(`
service_discovery: static
routing_logic: roundrobin
static_models:
  llama:
    static_backends: [http://a:8000, http://b:8000]
  qwen:
    static_backends:
      - http://b:8000
static_aliases:
  gpt-4: llama
`);
  assert.deepEqual(diagnostics, []);
  const source = config!.discovery['cli'];
  assert.deepEqual(source?.type === 'static' && source.backends.map(({ url, models }) => [url, models]), [
    ['http://a:8000', ['llama']],
    ['http://b:8000', ['llama', 'qwen']],
  ]);
});

test('values keep their place in the file, and flags win over it', () => {
  const text = 'service_discovery: k8s\nrouting_logic: roundrobin\nk8s_namespace: "${NS}"\nk8s_port: 9000\n';
  const loaded = load(text, [{ path: ['discovery', 'cli', 'port'], value: 7, origin: 'flag', flag: '--k8s-port' }]);
  assert.deepEqual(loaded.diagnostics, []);
  const source = loaded.config!.discovery['cli'];
  assert.ok(source?.type === 'k8s');
  assert.deepEqual([source.port, source.namespaces], [7, ['prod']]);
  const namespace = loaded.origins(['discovery', 'cli', 'namespace']);
  assert.equal(namespace.from === 'file' && namespace.place.line, 3);
  assert.equal(loaded.origins(['discovery', 'cli', 'port']).from, 'flag');
});

test('a file of ours is none of the original', () => {
  const { diagnostics } = load('service_discovery: k8s\ndiscovery: { a: { type: k8s } }\n');
  assert.deepEqual(
    diagnostics.map(({ code }) => code),
    ['unknown-key'],
  );
});
