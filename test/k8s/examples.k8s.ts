import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { useCluster } from './harness.ts';

const k8s = useCluster('none');
const FOLDER = join(import.meta.dirname, '../../examples/kubernetes');

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

/** Where the API serves a kind. Kinds of operators that are not installed are not here. */
const PLURALS: Record<string, string> = { NetworkPolicy: 'networkpolicies' };
const FOREIGN = ['ServiceMonitor', 'PrometheusRule'];

async function manifests(): Promise<[string, Manifest][]> {
  const found: [string, Manifest][] = [];
  for (const file of await readdir(FOLDER, { recursive: true })) {
    if (!file.endsWith('.yaml') || /kustomization|router\.yaml/.test(file)) continue;
    for (const document of parseAllDocuments(await readFile(join(FOLDER, file), 'utf8'))) {
      found.push([file, document.toJS() as Manifest]);
    }
  }
  return found;
}

test('the API server takes every manifest as it stands, with no field that it does not know', async () => {
  await k8s.cluster.admin('POST', '/api/v1/namespaces', { metadata: { name: 'llm' } });
  const kinds = new Set<string>();
  for (const [file, manifest] of await manifests()) {
    if (FOREIGN.includes(manifest.kind)) continue;
    const plural = PLURALS[manifest.kind] ?? `${manifest.kind.toLowerCase()}s`;
    const group = manifest.apiVersion === 'v1' ? '/api/v1' : `/apis/${manifest.apiVersion}`;
    const path = `${group}/namespaces/llm/${plural}?dryRun=All&fieldValidation=Strict`;
    await assert.doesNotReject(k8s.cluster.admin('POST', path, manifest), `${file}: ${manifest.kind}`);
    kinds.add(manifest.kind);
  }
  const wanted = [
    'Deployment',
    'HorizontalPodAutoscaler',
    'NetworkPolicy',
    'PodDisruptionBudget',
    'Role',
    'RoleBinding',
  ];
  for (const kind of [...wanted, 'Secret', 'Service', 'ServiceAccount']) assert.ok(kinds.has(kind), kind);
});

test('the Role is enough for discovery, and for nothing else', async () => {
  const all = (await manifests()).map(([, manifest]) => manifest);
  const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
  const role = all.find(({ kind }) => kind === 'Role')!;
  const root = await k8s.cluster.serviceAccount('vllm-router', 'none');
  await k8s.cluster.admin('PUT', `${rbac}/roles/vllm-router`, role);
  const engine = await k8s.engine('m1');
  await k8s.pod('a', engine);
  const follower = await k8s.follow({ root });
  await follower.shows('a:m1');
  assert.equal(await follower.source.setSleeping(follower.specs[0]!.id, true), 'memory');
});
