import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podTarget } from '../../../src/discovery/kubernetes/pod.ts';
import type { PortRule } from '../../../src/discovery/kubernetes/target.ts';

interface Changes {
  readonly metadata?: object;
  readonly spec?: object;
  readonly status?: object;
}

function pod({ metadata, spec, status }: Changes = {}) {
  return {
    metadata: { uid: 'u', name: 'a', namespace: 'ns', resourceVersion: '1', labels: { app: 'vllm' }, ...metadata },
    spec: {
      containers: [{ name: 'vllm', command: ['vllm'], ports: [{ name: 'http', containerPort: 8000 }] }],
      ...spec,
    },
    status: {
      phase: 'Running',
      podIP: '10.0.0.1',
      containerStatuses: [{ ready: true, restartCount: 0 }],
      conditions: [{ type: 'Ready', status: 'True' }],
      ...status,
    },
  };
}

const target = (changes?: Changes, port: PortRule = 8000) => podTarget(pod(changes), port, 'http')!;

test('a ready pod', () => {
  assert.deepEqual(target(), {
    uid: 'u',
    kind: 'pod',
    namespace: 'ns',
    name: 'a',
    version: '1',
    incarnation: '0',
    url: 'http://10.0.0.1:8000',
    ready: true,
    terminating: false,
    labels: { app: 'vllm' },
    sleepMode: false,
  });
});

test('ready needs phase, containers and condition together', () => {
  const cases: [object, boolean][] = [
    [{ phase: 'Failed' }, false],
    [{ phase: 'Pending' }, false],
    [{ phase: 'Succeeded' }, false],
    [{ containerStatuses: [] }, false],
    [{ containerStatuses: undefined }, false],
    [{ containerStatuses: [{ ready: true }, { ready: false }] }, false],
    // A lost node: the control plane sets the condition, the statuses stay.
    [{ conditions: [{ type: 'Ready', status: 'False' }] }, false],
    [{ conditions: [{ type: 'Ready', status: 'Unknown' }] }, false],
    [{ conditions: undefined }, true],
  ];
  for (const [status, ready] of cases) assert.equal(target({ status }).ready, ready, JSON.stringify(status));
});

test('a readiness gate without a Ready condition is not open', () => {
  const spec = { readinessGates: [{ conditionType: 'x' }] };
  assert.equal(target({ spec, status: { conditions: [] } }).ready, false);
  assert.equal(target({ spec }).ready, true);
});

test('a terminating pod looks ready but for its deletionTimestamp', () => {
  const one = target({ metadata: { deletionTimestamp: '2030-01-01T00:00:00Z' } });
  assert.equal(one.ready, true);
  assert.equal(one.terminating, true);
});

test('the port: a number, a name, or an annotation with either', () => {
  assert.equal(target({}, 9000).url, 'http://10.0.0.1:9000');
  assert.equal(target({}, { name: 'http' }).url, 'http://10.0.0.1:8000');
  assert.equal(target({}, { name: 'none' }).url, undefined);
  const annotated = (value: string) => target({ metadata: { annotations: { p: value } } }, { annotation: 'p' }).url;
  assert.equal(annotated('9001'), 'http://10.0.0.1:9001');
  assert.equal(annotated(' http '), 'http://10.0.0.1:8000');
  assert.equal(annotated('0'), undefined);
  assert.equal(annotated('70000'), undefined);
  assert.equal(annotated(''), undefined);
  assert.equal(target({}, { annotation: 'p' }).url, undefined);
  const sidecar = { initContainers: [{ name: 'proxy', ports: [{ name: 'tls', containerPort: 8443 }] }] };
  assert.equal(target({ spec: { ...pod().spec, ...sidecar } }, { name: 'tls' }).url, 'http://10.0.0.1:8443');
});

test('an IPv6 address is bracketed; without an address there is no URL', () => {
  assert.equal(target({ status: { podIP: 'fd00::1' } }).url, 'http://[fd00::1]:8000');
  assert.equal(target({ status: { podIP: undefined } }).url, undefined);
});

test('sleep mode: a container named vllm with its own command, or with the flag', () => {
  const container = (one: object) => target({ spec: { containers: [one] } }).sleepMode;
  assert.equal(container({ name: 'vllm' }), true);
  assert.equal(container({ name: 'vllm', args: ['--model', 'm'] }), true);
  assert.equal(container({ name: 'vllm', command: ['vllm', 'serve'] }), false);
  assert.equal(container({ name: 'vllm', command: ['vllm', 'serve', '--enable-sleep-mode'] }), true);
  assert.equal(container({ name: 'vllm', command: ['sh', '-c', 'vllm serve m --enable-sleep-mode'] }), true);
  assert.equal(container({ name: 'other' }), false);
});

test('a restart of any container is another incarnation', () => {
  const restarts = (...counts: number[]) =>
    target({ status: { containerStatuses: counts.map((restartCount) => ({ ready: true, restartCount })) } })
      .incarnation;
  assert.notEqual(restarts(0, 0), restarts(0, 1));
});

test('what is no pod is nothing', () => {
  for (const raw of [undefined, null, {}, { metadata: {} }, 7, 'x']) assert.equal(podTarget(raw, 1, 'http'), undefined);
});
