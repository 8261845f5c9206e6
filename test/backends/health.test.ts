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
