import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { METRICS } from '../../src/stats/exposition.ts';

const text = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');

test('docs/metrics.md lists every metric that is exported, with its type and labels, and no other', () => {
  const documented = [...text.matchAll(/^\| `([^`]+)` \| (\w+) \| (.*?) \| /gm)].map(([, name, type, labels]) => ({
    name,
    type,
    labels: [...labels!.matchAll(/`(\w+)`/g)].map(([, label]) => label),
  }));
  const exported = METRICS.map(({ name, type, labels }) => ({ name, type, labels: [...labels] }));
  const byName = (a: { name?: string | undefined }, b: { name?: string | undefined }) => (a.name! < b.name! ? -1 : 1);
  assert.deepEqual(documented.sort(byName), exported.sort(byName));
});
