import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SpawnedRouter } from '../fakes/spawn-router.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { useCluster } from './harness.ts';

const k8s = useCluster('pod-ip');
const BIN = join(import.meta.dirname, '../../bin/vllm-router.js');

/** Mounting needs a mount namespace of one's own. */
const skip = canMount() ? false : 'this account may not make mount namespaces';

function canMount(): boolean {
  try {
    execFileSync('unshare', ['-m', 'true'], { stdio: 'ignore' });
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
}

/** The router as in a pod: the service account where the kubelet mounts it, two variables, args only. */
async function inPod(mounts: readonly [from: string, to: string][], args: readonly string[]): Promise<SpawnedRouter> {
  const folder = await mkdtemp(join(tmpdir(), 'pod-'));
  const steps = mounts.map(([from, to]) => `mkdir -p ${to} 2>/dev/null; mount --bind ${from} ${to}`);
  const secrets = `mkdir -p /var/run/secrets && mount --bind ${k8s.root}/var/run/secrets /var/run/secrets`;
  const script = [...steps, secrets, 'exec "$0" "$@"'].join(' && ');
  const { KUBECONFIG: _, ...env } = process.env;
  const command = ['-m', 'sh', '-c', script, process.execPath, BIN, '--set', 'logging.format=json', ...args];
  const child = spawn('unshare', command, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...env, ...k8s.cluster.inCluster },
  });
  const router = new SpawnedRouter(child, folder, '');
  k8s.cleanup(() => router.stop());
  await router.logged(({ msg }) => msg === 'ready', 0, 30_000);
  return router;
}

async function models(router: SpawnedRouter): Promise<string[]> {
  const answer = await fetch(`${router.url}/v1/models`);
  return ((await answer.json()) as { data: { id: string }[] }).data.map(({ id }) => id).sort();
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('did not become true within 20 s');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("with the chart's arguments and the pod's own service account", { skip }, async () => {
  const engine = await k8s.engine('m1');
  await k8s.pod('a', engine);
  const chart = ['--service-discovery', 'k8s', '--k8s-namespace', 'default', '--k8s-service-discovery-type', 'pod-ip'];
  const more = ['--k8s-label-selector', 'app=vllm', '--routing-logic', 'roundrobin', '--engine-stats-interval', '15'];
  const port = ['--host', '127.0.0.1', '--port', '0', '--k8s-port', String(engine.port)];
  const router = await inPod([], [...port, ...chart, ...more, '--request-stats-window', '60']);
  await until(async () => (await models(router)).join() === 'm1');
  await k8s.cluster.do('rm', 'a', '-force');
  await until(async () => (await models(router)).length === 0);
});

test('a ConfigMap of the cluster, mounted as a directory, is applied when the kubelet swaps it', { skip }, async () => {
  const engine = await k8s.engine('m1');
  await k8s.pod('a', engine);
  const folder = temporaryFolder('configmap');
  const file = join(folder, 'router.yaml');
  const mounted = join(folder, 'mounted');
  const write = async (aliases: object) => {
    const config = {
      listeners: { public: { bind: '127.0.0.1:0', serve: ['openai', 'health', 'metrics'] } },
      discovery: { cluster: { type: 'k8s', labelSelector: 'app=vllm', portName: 'http' } },
      models: { aliases },
      shutdown: { delay: '0s' },
    };
    await writeFile(file, JSON.stringify(config));
    await k8s.cluster.do('configmap', 'router', file);
    await k8s.cluster.do('mount', 'router', mounted);
  };
  await write({});
  const router = await inPod([], ['--config', join(mounted, 'router.yaml')]);
  await until(async () => (await models(router)).join() === 'm1');
  const from = router.logs.length;
  await write({ nick: 'm1' });
  await router.logged(({ msg }) => msg === 'config applied', from);
  assert.equal((await fetch(`${router.url}/v1/models/nick`)).status, 200);
});

test('a config mounted by subPath is said to be for ever', { skip }, async () => {
  const folder = temporaryFolder('subpath');
  const [source, target] = [join(folder, 'source.yaml'), join(folder, 'router.yaml')];
  const text =
    'listeners: { public: { bind: "127.0.0.1:0" } }\ndiscovery: { cluster: { type: k8s } }\nshutdown: { delay: 0s }\n';
  await writeFile(source, text);
  await writeFile(target, '');
  const router = await inPod([[source, target]], ['--config', target]);
  const warning = await router.logged(({ msg }) => /mount point/.test(msg ?? ''));
  assert.match(warning.msg!, /subPath.*mount its directory instead/);
});
