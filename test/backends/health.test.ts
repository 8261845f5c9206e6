import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { HealthChecks } from '../../src/backends/health.ts';

const CONFIG = { path: '/health', interval: 1_000, timeout: 100, unhealthyAfter: 3, healthyAfter: 2 };

async function rounds(count: number): Promise<void> {
  for (let round = 0; round < count; round++) {
    mock.timers.tick(1_001);
    // Checks are promises of a few steps.
    for (let step = 0; step < 10; step++) await Promise.resolve();
  }
}

test('as many failures and successes in a row as configured turn the verdict; a change of config keeps it', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  let up = true;
  const heard: string[] = [];
  const asked: string[] = [];
  const checks = new HealthChecks({
    random: () => 0.5,
    onChange: (id, healthy, error) => heard.push(`${id} ${healthy} ${error?.message ?? ''}`),
    check: async (url) => {
      asked.push(url);
      if (!up) throw new Error('down');
    },
  });
  t.after(() => checks.stop());
  const target = { id: 'a', url: 'http://a', config: CONFIG };
  checks.set([target]);
  await rounds(3);
  assert.deepEqual(new Set(asked), new Set(['http://a/health']));
  up = false;
  await rounds(2);
  up = true;
  await rounds(1);
  up = false;
  await rounds(2);
  assert.deepEqual(heard, []);
  await rounds(1);
  assert.deepEqual(heard, ['a false down']);
  checks.set([{ ...target, config: { ...CONFIG, path: '/other' } }]);
  up = true;
  await rounds(1);
  assert.equal(heard.length, 1);
  await rounds(2);
  assert.deepEqual(heard.slice(1), ['a true ']);
  up = false;
  await rounds(4);
  assert.equal(heard.at(-1), 'a false down');
  // Nobody checks it any more, so nobody says that it is down.
  checks.set([]);
  assert.equal(heard.at(-1), 'a true ');
  const count = asked.length;
  await rounds(3);
  assert.equal(asked.length, count);
});

test('64 checks at once; the others wait for their turn, and healthy ones not behind those that are down', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const running = new Map<string, () => void>();
  let most = 0;
  const asked = new Set<string>();
  const heard: string[] = [];
  const checks = new HealthChecks({
    random: () => 0.5,
    onChange: (id, healthy) => heard.push(`${id} ${healthy}`),
    check: (url) =>
      new Promise((resolve, reject) => {
        asked.add(url);
        const end = url.includes('dead') ? () => reject(new Error('down')) : resolve;
        running.set(url, () => {
          running.delete(url);
          end();
        });
        most = Math.max(most, running.size);
      }),
  });
  t.after(() => checks.stop());
  const settle = async () => {
    for (let step = 0; step < 20; step++) await Promise.resolve();
  };
  const finish = async (which: string) => {
    for (let some = true; some; await settle()) {
      some = false;
      for (const [url, end] of [...running]) {
        if (!url.includes(which)) continue;
        some = true;
        end();
      }
    }
  };
  const config = { ...CONFIG, unhealthyAfter: 1 };
  const targets = [...Array(300).keys()].map((at) => {
    const id = `${at < 150 ? 'dead' : 'well'}-${at}`;
    return { id, url: `http://${id}`, config };
  });
  checks.set(targets);
  mock.timers.tick(1_001);
  await settle();
  assert.equal(running.size, 64);
  await finish('http');
  assert.equal(asked.size, 300);
  assert.equal(heard.length, 150);
  // The dead ones now hold all of their places.
  asked.clear();
  mock.timers.tick(1_001);
  await settle();
  await finish('well');
  assert.equal([...asked].filter((url) => url.includes('well')).length, 150);
  assert.equal(running.size, 64);
  // Who is gone while he waits is not asked.
  checks.set(targets.slice(150));
  asked.clear();
  await finish('dead');
  assert.equal(asked.size, 0);
  assert.ok(most <= 128);
});

test('a check for which the router has no descriptor says nothing of the backend', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const heard: string[] = [];
  let asked = 0;
  const checks = new HealthChecks({
    random: () => 0.5,
    onChange: (id) => heard.push(id),
    onFailure: (id) => heard.push(id),
    check: async () => {
      asked++;
      throw Object.assign(new Error('connect EMFILE'), { code: 'EMFILE' });
    },
  });
  t.after(() => checks.stop());
  checks.set([{ id: 'a', url: 'http://a', config: CONFIG }]);
  await rounds(10);
  assert.ok(asked > 5);
  assert.deepEqual(heard, []);
});
