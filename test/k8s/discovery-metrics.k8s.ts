import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePage } from '../stats/prometheus-text.ts';
import { Fleet } from './fleet.ts';
import { useCluster } from './harness.ts';

const k8s = useCluster('pod-ip');

test('fault 57: how discovery is doing is on the metrics page: lists, events, age, errors, backends', async () => {
  const fleet = new Fleet(k8s.cluster);
  k8s.cleanup(() => fleet.stop());
  await fleet.add('a');
  await fleet.start(k8s.root);
  await fleet.lists((engines) => engines.some(({ serving_models }) => serving_models.includes('m1')));
  const samples = async (name: string) => {
    const page = await fetch(`${fleet.router.adminUrl}/metrics`);
    return Object.fromEntries(parsePage(await page.text()).get(`vllm_router_discovery_${name}`)?.samples ?? []);
  };
  const eventually = async (condition: () => Promise<boolean>, name: string) => {
    const deadline = performance.now() + 20_000;
    while (!(await condition())) {
      if (performance.now() > deadline) assert.fail(`${name}: ${JSON.stringify(await samples(name))}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const until = (name: string, label: string, least: number) => {
    const line = `vllm_router_discovery_${name}{source="cluster"${label}}`;
    return eventually(async () => ((await samples(name))[line] ?? -1) >= least, name);
  };
  await until('backends', ',state="ready"', 1);
  await until('synced', '', 1);
  await until('relists_total', ',resource="pods",reason="start"', 1);
  await until('last_sync_age_seconds', '', 0);
  await fleet.add('b');
  await until('events_total', ',resource="pods",type="ADDED"', 1);
  await until('backends', ',state="ready"', 2);

  await k8s.cluster.do('kill', 'apiserver');
  // Whether the list or the watch meets the refusal first is the loop's business.
  const errors = async () => Object.keys(await samples('api_errors_total'));
  await eventually(async () => (await errors()).some((line) => line.includes('code="connect"')), 'api_errors_total');
  await until('troubles', '', 1);
  await until('backends', ',state="ready"', 2);
  await k8s.cluster.do('up', 'apiserver');
  const troubles = async () => Object.values(await samples('troubles'))[0];
  await eventually(async () => (await troubles()) === 0, 'troubles');
});
