import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { ApiError } from '../../../src/discovery/kubernetes/api-error.ts';
import { findCluster } from '../../../src/discovery/kubernetes/find-cluster.ts';

const dir = await mkdtemp(join(tmpdir(), 'access-'));
after(() => rm(dir, { recursive: true }));

const inCluster = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' };
const find = (env: Record<string, string>, root = dir) => findCluster({ env, root, connectTimeout: 1000 });

test('a pod reads its service account for every request, and remembers it', async () => {
  const folder = join(dir, 'var/run/secrets/kubernetes.io/serviceaccount');
  const access = find(inCluster);
  await assert.rejects(
    access.connection(),
    (error: ApiError) => error.code === 'credentials' && /ENOENT/.test(error.message),
  );
  assert.equal(await access.namespace(), undefined);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'token'), 'one\n');
  await writeFile(join(folder, 'ca.crt'), 'certificate\n');
  await writeFile(join(folder, 'namespace'), 'llm\n');
  const first = await access.connection();
  assert.equal(first.server, 'https://[fd00::1]:6443');
  assert.equal(first.headers['authorization'], 'Bearer one');
  assert.equal(await access.namespace(), 'llm');
  await writeFile(join(folder, 'token'), 'two');
  const second = await access.connection();
  assert.equal(second.headers['authorization'], 'Bearer two');
  // One agent for all requests, another one only for another CA.
  assert.equal(second.dispatcher, first.dispatcher);
  await rename(folder, `${folder}.away`);
  assert.equal((await access.connection()).headers['authorization'], 'Bearer two');
  await rename(`${folder}.away`, folder);
  await writeFile(join(folder, 'token'), '');
  assert.equal((await access.connection()).headers['authorization'], 'Bearer two');
  await writeFile(join(folder, 'ca.crt'), 'another');
  assert.notEqual((await access.connection()).dispatcher, first.dispatcher);
  await access.close();
});

test('a kubeconfig is read by the Kubernetes client, again when its credentials were refused', async () => {
  const path = join(dir, 'kubeconfig');
  const write = (token: string) =>
    writeFile(
      path,
      `apiVersion: v1
kind: Config
clusters: [{ name: c, cluster: { server: 'https://api.example:6443/k8s', insecure-skip-tls-verify: true } }]
users: [{ name: u, user: { token: ${token} } }]
contexts: [{ name: x, context: { cluster: c, user: u, namespace: team } }]
current-context: x
`,
    );
  await write('one');
  // KUBECONFIG wins, as for kubectl.
  const access = find({ ...inCluster, KUBECONFIG: path });
  const first = await access.connection();
  assert.equal(first.server, 'https://api.example:6443/k8s');
  assert.equal(first.headers['authorization'], 'Bearer one');
  assert.equal(await access.namespace(), 'team');
  await write('two');
  assert.equal((await access.connection(true)).headers['authorization'], 'Bearer two');
  await access.close();
});

test('no cluster at all is said, instead of trying http://localhost:8080', async () => {
  const access = find({ HOME: join(dir, 'nobody') });
  await assert.rejects(
    access.connection(),
    /no cluster: not in a pod, KUBECONFIG is not set and .*\.kube\/config does not exist/,
  );
});
