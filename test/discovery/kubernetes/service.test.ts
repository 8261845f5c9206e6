import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  endpointsReadiness,
  type Readiness,
  serviceTarget,
  sliceReadiness,
} from '../../../src/discovery/kubernetes/service.ts';
import { ServiceJoin } from '../../../src/discovery/kubernetes/service-join.ts';
import type { Target } from '../../../src/discovery/kubernetes/target.ts';

const metadata = { uid: 'u1', name: 'm1', namespace: 'ns', resourceVersion: '1' };

test('the short name within the own namespace, which the original used, and a longer one elsewhere', () => {
  const url = (own: string | undefined) => serviceTarget({ metadata }, 80, 'http', own)?.url;
  assert.equal(url('ns'), 'http://m1:80');
  assert.equal(url('other'), 'http://m1.ns.svc:80');
  assert.equal(url(undefined), 'http://m1:80');
});

test('the port by name, and the label model from the selector', () => {
  const spec = { selector: { model: 'llama' }, ports: [{ name: 'http', port: 8080 }] };
  const one = serviceTarget(
    { metadata: { ...metadata, labels: { model: 'x', a: 'b' } }, spec },
    { name: 'http' },
    'https',
    'ns',
  )!;
  assert.equal(one.url, 'https://m1:8080');
  assert.deepEqual(one.labels, { model: 'llama', a: 'b' });
});

test('endpoints are ready when any subset has addresses', () => {
  const ready = (subsets: unknown) => endpointsReadiness({ metadata, subsets })?.ready;
  assert.equal(ready(undefined), false);
  assert.equal(ready([{ notReadyAddresses: [{ ip: '1' }] }]), false);
  assert.equal(ready([{ addresses: [] }, { addresses: [{ ip: '1' }] }]), true);
});

test('a slice names its service; an absent condition is ready', () => {
  const labels = { 'kubernetes.io/service-name': 'm1' };
  const slice = (endpoints: unknown) => sliceReadiness({ metadata: { ...metadata, name: 'm1-x', labels }, endpoints });
  assert.deepEqual(slice([{ addresses: ['1'] }]), { object: 'm1-x', service: 'm1', version: '1', ready: true });
  assert.equal(slice([{ addresses: ['1'], conditions: { ready: false } }])?.ready, false);
  assert.equal(slice(null)?.ready, false);
  assert.equal(sliceReadiness({ metadata }), undefined);
});

function setUp() {
  const calls: string[] = [];
  const text = (one: Target) => `${one.name}@${one.version}${one.ready ? '' : '-'}`;
  const join = new ServiceJoin({
    apply: (target) => calls.push(`apply ${text(target)}`),
    remove: (uid) => calls.push(`remove ${uid}`),
    replace: (targets) => calls.push(`replace ${targets.map(text)}`),
  });
  const take = () => calls.splice(0);
  return { join, take };
}

const service = (name: string, uid = name, version = '1') =>
  serviceTarget({ metadata: { uid, name, namespace: 'ns', resourceVersion: version } }, 80, 'http', 'ns')!;
const says = (name: string, ready: boolean, version = '1', object = name): Readiness => ({
  object,
  service: name,
  version,
  ready,
});

test('nothing is said before both lists are there', () => {
  for (const first of ['services', 'readiness']) {
    const { join, take } = setUp();
    const steps = [
      () => join.setServices([service('a')]),
      () => join.setReadiness([says('a', true), says('foreign', true)]),
    ];
    if (first === 'readiness') steps.reverse();
    steps[0]!();
    join.applyService(service('b'));
    assert.deepEqual(take(), []);
    steps[1]!();
    assert.match(take().join(), /^replace a@1\/1/);
  }
});

test('a change of either part is a new version of the service', () => {
  const { join, take } = setUp();
  join.setServices([service('a')]);
  join.setReadiness([]);
  take();
  join.applyReadiness(says('a', true, '5'));
  join.applyService(service('a', 'a', '2'));
  join.applyReadiness(says('a', false, '6'));
  join.removeReadiness(says('a', false, '6'));
  join.applyReadiness(says('unknown', true));
  assert.deepEqual(take(), ['apply a@1/5', 'apply a@2/5', 'apply a@2/6-', 'apply a@2-']);
});

test('a service with several slices is ready when one of them is', () => {
  const { join, take } = setUp();
  join.setServices([service('a')]);
  join.setReadiness([says('a', false, '1', 's1'), says('a', true, '2', 's2')]);
  join.applyReadiness(says('a', false, '3', 's2'));
  join.removeReadiness(says('a', false, '3', 's2'));
  assert.deepEqual(take(), ['replace a@1/1/2', 'apply a@1/1/3-', 'apply a@1/1-']);
});

test('a service made anew under its name replaces the old one', () => {
  const { join, take } = setUp();
  join.setServices([service('a', 'old')]);
  join.setReadiness([says('a', true)]);
  take();
  join.applyService(service('a', 'new'));
  assert.deepEqual(take(), ['remove old', 'apply a@1/1']);
  join.removeService(service('a', 'old'));
  join.applyReadiness(says('a', true, '2'));
  assert.deepEqual(take(), ['remove old', 'apply a@1/2']);
});
