import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendTable, type BackendTableOptions } from '../../../src/discovery/kubernetes/backend-table.ts';
import type { Target } from '../../../src/discovery/kubernetes/target.ts';

function setUp(severalNamespaces = false, known?: BackendTableOptions['known']) {
  const calls: string[] = [];
  const table = new BackendTable({
    source: 'cluster',
    severalNamespaces,
    known,
    watch: (target, anew) => calls.push(`watch ${target.uid}${anew ? ' anew' : ''}`),
    probeNow: (uid) => calls.push(`probe ${uid}`),
    unwatch: (uid) => calls.push(`unwatch ${uid}`),
    changed: (urgency) => calls.push(urgency),
  });
  const shown = () =>
    table
      .specs()
      .map(
        (one) =>
          `${one.id}:${one.models.map((card) => card.id)}${one.terminating ? '!' : ''}${one.sleeping ? '~' : ''}`,
      )
      .join(' ');
  return { table, shown, take: () => calls.splice(0) };
}

function target(uid: string, changes: Partial<Target> = {}): Target {
  return {
    uid,
    kind: 'pod',
    namespace: 'ns',
    name: uid,
    version: '1',
    incarnation: '0',
    url: `http://${uid}`,
    ready: true,
    terminating: false,
    labels: {},
    sleepMode: false,
    ...changes,
  };
}

const m1 = [{ id: 'm1' }];

test('a new backend has no models before it has named them', () => {
  const { table, shown, take } = setUp();
  table.apply('ns', target('a'));
  assert.equal(shown(), 'a:');
  assert.deepEqual(table.unsettled(), ['a']);
  table.answered('a', m1);
  assert.equal(shown(), 'a:m1');
  assert.deepEqual(table.unsettled(), []);
  assert.deepEqual(take(), ['watch a anew', 'soon', 'soon']);
});

test('the same version again is nothing new, any other version asks again', () => {
  const { table, take } = setUp();
  table.apply('ns', target('a'));
  take();
  table.apply('ns', target('a'));
  assert.deepEqual(take(), []);
  table.apply('ns', target('a', { version: '2' }));
  assert.deepEqual(take(), ['probe a']);
});

test('an unready backend is not published, and keeps its models for its return', () => {
  const { table, shown, take } = setUp();
  table.apply('ns', target('a'));
  table.answered('a', m1);
  take();
  table.apply('ns', target('a', { version: '2', ready: false }));
  assert.equal(shown(), '');
  assert.deepEqual(take(), ['unwatch a', 'now']);
  table.apply('ns', target('a', { version: '3' }));
  assert.equal(shown(), 'a:m1');
  assert.deepEqual(take(), ['watch a', 'soon']);
});

test('a restarted container or a new address has to name its models again', () => {
  for (const change of [{ incarnation: '1' }, { url: 'http://other' }]) {
    const { table, shown, take } = setUp();
    table.apply('ns', target('a'));
    table.answered('a', m1);
    take();
    table.apply('ns', target('a', { version: '2', ...change }));
    assert.equal(shown(), 'a:');
    assert.ok(take().includes('watch a anew'));
  }
});

test('a terminating backend is published as such, at once, until it is gone', () => {
  const { table, shown, take } = setUp();
  table.apply('ns', target('a'));
  table.answered('a', m1);
  take();
  table.apply('ns', target('a', { version: '2', terminating: true }));
  assert.equal(shown(), 'a:m1!');
  assert.deepEqual(take(), ['unwatch a', 'now']);
  table.apply('ns', target('a', { version: '3', terminating: true, ready: false }));
  assert.equal(shown(), 'a:m1!');
  table.remove('a');
  assert.equal(shown(), '');
});

test('a failing probe takes nothing away, but in doubt the backend itself', () => {
  const { table, shown, take } = setUp();
  table.apply('ns', target('a'));
  table.answered('a', m1);
  table.apply('ns', target('b'));
  table.answered('b', m1);
  table.failed('a');
  assert.equal(shown(), 'a:m1 b:m1');
  take();
  table.doubt('ns', true);
  assert.equal(shown(), 'b:m1');
  assert.deepEqual(take(), ['now', 'probe a', 'probe b']);
  table.answered('a');
  assert.equal(shown(), 'a:m1 b:m1');
  table.failed('b');
  assert.equal(shown(), 'a:m1');
  table.doubt('ns', false);
  assert.equal(shown(), 'a:m1 b:m1');
});

test('a list removes what it lacks, in its own scope only', () => {
  const { table, shown } = setUp();
  table.apply('ns', target('a'));
  table.apply('ns', target('b'));
  table.apply('other', target('c', { namespace: 'other' }));
  table.replace('ns', [target('b'), target('d')]);
  assert.equal(shown(), 'b: c: d:');
});

test('an address seen again belongs to the new object, once that has answered', () => {
  const { table, shown } = setUp();
  table.apply('ns', target('old', { url: 'http://1' }));
  table.answered('old', m1);
  table.unlist('ns');
  table.apply('ns', target('new', { url: undefined, ready: false }));
  table.apply('ns', target('new', { version: '2', url: 'http://1', ready: false }));
  table.apply('ns', target('new', { version: '3', url: 'http://1' }));
  assert.equal(shown(), 'old:m1 new:');
  table.answered('new', [{ id: 'm2' }]);
  assert.equal(shown(), 'new:m2');
});

test('a list with new objects on old addresses leaves no gap', () => {
  const { table, shown } = setUp();
  for (const [uid, url] of [
    ['a', 'http://1'],
    ['b', 'http://2'],
    ['c', 'http://3'],
  ]) {
    table.apply('ns', target(uid!, { url: url! }));
    table.answered(uid!, m1);
  }
  table.replace('ns', [
    target('d', { url: 'http://1' }),
    target('e', { url: 'http://2' }),
    target('f', { url: 'http://4' }),
  ]);
  assert.equal(shown(), 'a:m1 b:m1 d: e: f:');
  table.answered('d', m1);
  assert.equal(shown(), 'b:m1 d:m1 e: f:');
  table.failed('e');
  assert.equal(shown(), 'd:m1 e: f:');
});

test('two that were on one address already: the one that goes is gone', () => {
  const { table, shown } = setUp();
  const b = target('b', { url: 'http://1' });
  table.replace('ns', [target('a', { url: 'http://1' }), b]);
  table.replace('ns', [b]);
  assert.equal(shown(), 'a: b:');
  table.answered('b', m1);
  assert.equal(shown(), 'b:m1');
  table.replace('ns', [target('c', { url: 'http://1' }), b]);
  table.answered('c', m1);
  table.replace('ns', [b]);
  assert.equal(shown(), 'b:m1');
});

test('a successor that goes before it answered takes its predecessor along', () => {
  const { table, shown } = setUp();
  table.apply('ns', target('a', { url: 'http://1' }));
  table.replace('ns', [target('b', { url: 'http://1' })]);
  table.remove('b');
  assert.equal(shown(), '');
  table.apply('ns', target('c', { url: 'http://1' }));
  table.replace('ns', [target('d', { url: 'http://1' })]);
  table.replace('ns', []);
  assert.equal(shown(), '');
});

test('sleeping by label, by the engine, and by what was done here', () => {
  const { table, shown } = setUp();
  const labelled = { labels: { sleeping: 'true' } };
  table.apply('ns', target('a', labelled));
  assert.equal(shown(), 'a:~');
  table.apply('ns', target('a', { version: '2' }));
  assert.equal(shown(), 'a:');
  table.saidAsleep('a', true);
  assert.equal(shown(), 'a:~');
  table.saidAsleep('a', false);
  table.tell('a', true);
  assert.equal(shown(), 'a:~');
  // Another change of the pod does not end it; the engine's own word does.
  table.apply('ns', target('a', { version: '3' }));
  table.saidAsleep('a', true);
  table.saidAsleep('a', undefined);
  assert.equal(shown(), 'a:~');
  table.saidAsleep('a', false);
  assert.equal(shown(), 'a:');
  // Woken here, although a label that may not be removed stays.
  table.apply('ns', target('a', { version: '4', ...labelled }));
  table.tell('a', false);
  assert.equal(shown(), 'a:');
  table.saidAsleep('a', false);
  assert.equal(shown(), 'a:');
});

test('a label taken away elsewhere ends what was done here', () => {
  const { table, shown } = setUp();
  const labelled = { labels: { sleeping: 'true' } };
  table.apply('ns', target('a'));
  table.tell('a', true);
  table.apply('ns', target('a', { version: '2', ...labelled }));
  assert.equal(shown(), 'a:~');
  table.apply('ns', target('a', { version: '3' }));
  assert.equal(shown(), 'a:');
});

test('what a source before knew holds until the backend answers, for the same address only', () => {
  const known = (uid: string) => ({ url: 'http://a', models: m1, sleeping: uid === 'a' });
  const { table, shown, take } = setUp(false, known);
  table.apply('ns', target('a'));
  table.apply('ns', target('b'));
  assert.equal(shown(), 'a:m1~ b:');
  assert.deepEqual(table.unsettled(), ['a', 'b']);
  table.saidAsleep('a', false);
  assert.equal(shown(), 'a:m1 b:');
  // A restart in between is one that it did not know of.
  table.apply('ns', target('a', { version: '2', incarnation: '1' }));
  assert.equal(shown(), 'a: b:');
  assert.ok(take().includes('watch a anew'));
});

test('a probe that says the same publishes nothing', () => {
  const { table, take } = setUp();
  table.apply('ns', target('a'));
  table.answered('a', m1);
  const before = table.specs()[0];
  take();
  table.answered('a');
  table.apply('ns', target('a', { version: '2' }));
  assert.deepEqual(take(), ['probe a']);
  assert.equal(table.specs()[0], before);
});

test('engine ids are the original’s, and differ between namespaces', () => {
  const ids = (several: boolean) => {
    const { table } = setUp(several);
    table.apply('ns', target('u1', { name: 'vllm-0' }));
    table.apply('other', target('u2', { name: 'vllm-0', namespace: 'other' }));
    return table.specs().map((spec) => spec.engineId);
  };
  // python3 -c 'import uuid; print(uuid.uuid5(uuid.NAMESPACE_DNS, "vllm-0"))'
  assert.deepEqual(ids(false), Array(2).fill('1e834a65-7d39-5ae5-954b-81f3e40b7b9e'));
  assert.equal(new Set(ids(true)).size, 2);
});
