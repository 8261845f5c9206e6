import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { parse, parseAllDocuments } from 'yaml';
import { parseDuration } from '../../src/units.ts';

const ROOT = join(import.meta.dirname, '../..');
const FOLDER = join(ROOT, 'examples/kubernetes');

interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly lifecycle: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly { readonly mountPath: string; readonly subPath?: string }[];
  readonly readinessProbe: { readonly httpGet: { readonly path: string; readonly port: string } };
  readonly livenessProbe: { readonly httpGet: { readonly path: string; readonly port: string } };
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Record<string, string> };
  readonly spec: {
    readonly selector: { readonly matchLabels: Record<string, string> } & Record<string, string>;
    readonly ports: readonly { readonly name: string; readonly targetPort: string }[];
    readonly endpoints: readonly { readonly port: string }[];
    readonly template: {
      readonly metadata: { readonly labels: Record<string, string> };
      readonly spec: { readonly terminationGracePeriodSeconds: number; readonly containers: readonly [Container] };
    };
  };
}

async function manifests(): Promise<Manifest[]> {
  const found: Manifest[] = [];
  for (const file of await readdir(FOLDER, { recursive: true })) {
    if (!file.endsWith('.yaml') || file === 'router.yaml') continue;
    for (const document of parseAllDocuments(await readFile(join(FOLDER, file), 'utf8'))) found.push(document.toJS());
  }
  return found;
}

const all = await manifests();
const named = (kind: string, name: string) => all.find((one) => one.kind === kind && one.metadata.name === name)!;
const router = named('Deployment', 'vllm-router').spec.template;
const engine = named('Deployment', 'vllm-llama').spec.template;

test('the configs are valid', async () => {
  for (const config of ['examples/kubernetes/router.yaml', 'examples/gitops/router.yaml']) {
    const args = [join(ROOT, 'bin/vllm-router.js'), 'check', '--strict', '--no-secrets', join(ROOT, config)];
    await assert.doesNotReject(promisify(execFile)(process.execPath, args), config);
  }
});

test('the grace periods hold what has to happen in them', async () => {
  const { shutdown } = parse(await readFile(join(FOLDER, 'router.yaml'), 'utf8'));
  const [container] = router.spec.containers;
  const drain = (parseDuration(shutdown.delay)! + parseDuration(shutdown.drain)!) / 1000;
  assert.ok(router.spec.terminationGracePeriodSeconds > container.lifecycle.preStop.sleep.seconds + drain + 5);
  const [vllm] = engine.spec.containers;
  const timeout = Number(vllm.args.find((arg) => arg.startsWith('--shutdown-timeout='))!.split('=')[1]);
  assert.ok(engine.spec.terminationGracePeriodSeconds > vllm.lifecycle.preStop.sleep.seconds + timeout + 5);
});

test('selectors, ports and probes name what there is', async () => {
  const { discovery, listeners } = parse(await readFile(join(FOLDER, 'router.yaml'), 'utf8'));
  const ports = new Map(router.spec.containers[0].ports.map((port) => [port.name, port.containerPort]));
  assert.equal(Number(listeners.public.bind.split(':')[1]), ports.get('http'));
  assert.equal(Number(listeners.ops.bind.split(':')[1]), ports.get('ops'));
  assert.ok(listeners.ops.serve.includes('health') && listeners.ops.serve.includes('metrics'));
  for (const service of all.filter(({ kind }) => kind === 'Service')) {
    assert.equal(service.spec.selector['app'], router.metadata.labels['app']);
    for (const { targetPort } of service.spec.ports) assert.ok(ports.has(targetPort));
  }
  assert.equal(router.spec.containers[0].livenessProbe.httpGet.path, '/health');
  assert.equal(router.spec.containers[0].readinessProbe.httpGet.path, '/ready');
  const monitor = named('ServiceMonitor', 'vllm-router');
  const scraped = named('Service', 'vllm-router-ops');
  for (const [key, value] of Object.entries(monitor.spec.selector.matchLabels)) {
    assert.equal(scraped.metadata.labels[key], value);
  }
  assert.equal(monitor.spec.endpoints[0]!.port, scraped.spec.ports[0]!.name);
  // The engines are found.
  const [key, value] = discovery.cluster.labelSelector.split('=');
  assert.equal(engine.metadata.labels[key], value);
  assert.ok(engine.spec.containers[0].ports.some((port) => port.name === discovery.cluster.portName));
});

test('the config is a directory and keeps its name, so that a change is a reload and no rollout', async () => {
  const [container] = router.spec.containers;
  const mount = container.volumeMounts.find(({ mountPath }) => container.args[1]!.startsWith(`${mountPath}/`))!;
  assert.equal(mount.subPath, undefined);
  for (const folder of ['kubernetes', 'gitops']) {
    const kustomization = parse(await readFile(join(ROOT, 'examples', folder, 'kustomization.yaml'), 'utf8'));
    assert.equal(kustomization.generatorOptions.disableNameSuffixHash, true);
  }
});
