import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { Ring, ringPoints } from '../../src/algorithms/ring.ts';

interface Golden {
  readonly name: string;
  readonly fleet: Readonly<Record<string, number>>;
  readonly points: number;
  readonly placements: Readonly<Record<string, string>>;
  readonly order: Readonly<Record<string, readonly string[]>>;
  readonly away: readonly string[];
  readonly without: Readonly<Record<string, string>>;
}

const goldenFile = new URL('../fixtures/uhashring/golden.json', import.meta.url);
const golden = JSON.parse(readFileSync(goldenFile, 'utf8')) as readonly Golden[];

class NamedRing {
  readonly names: readonly string[];
  readonly ring: Ring;

  constructor(fleet: Readonly<Record<string, number>>) {
    this.names = Object.keys(fleet);
    this.ring = new Ring(Object.entries(fleet).map(([name, weight]) => ringPoints(name, weight)));
  }

  find(key: string, away: ReadonlySet<string> = new Set()): string | undefined {
    const allowed = Uint8Array.from(this.names, (name) => (away.has(name) ? 0 : 1));
    return this.names[this.ring.find(key, allowed)];
  }
}

for (const { name, fleet, points, placements, order, away, without } of golden) {
  test(`placements are those of uhashring 2.3: ${name}`, () => {
    const ring = new NamedRing(fleet);
    for (const [key, url] of Object.entries(placements)) assert.equal(ring.find(key), url, `key ${key}`);
    assert.equal(
      Object.entries(fleet).reduce((sum, [url, weight]) => sum + ringPoints(url, weight).length / 4, 0),
      points,
    );
  });

  test(`retries follow uhashring's order of distinct nodes: ${name}`, () => {
    const ring = new NamedRing(fleet);
    for (const [key, expected] of Object.entries(order)) {
      const tried = new Set<string>();
      for (const url of expected) {
        assert.equal(ring.find(key, tried), url, `key ${key} after ${[...tried]}`);
        tried.add(url);
      }
    }
  });

  test(`passing over backends that are away is what removing their nodes would be: ${name}`, () => {
    const ring = new NamedRing(fleet);
    for (const [key, url] of Object.entries(without)) assert.equal(ring.find(key, new Set(away)), url, `key ${key}`);
  });
}

test('adding a backend moves keys only to it, about its share of them; removing it brings them home', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 12 }), fc.integer({ min: 0, max: 1000 }), (size, salt) => {
      const urls = Array.from({ length: size }, (_, index) => [`http://10.${salt % 250}.0.${index}:8000`, 1] as const);
      const before = new NamedRing(Object.fromEntries(urls.slice(1)));
      const after = new NamedRing(Object.fromEntries(urls));
      const newcomer = urls[0]![0];
      const keys = Array.from({ length: 1000 }, (_, index) => `session-${salt}-${index}`);
      let moved = 0;
      for (const key of keys) {
        const [old, now] = [before.find(key), after.find(key)];
        if (old === now) continue;
        assert.equal(now, newcomer);
        moved++;
      }
      // 160 points leave a backend's share some 8 % off (one sigma), and 1,000 keys add their own scatter.
      const share = 1000 / size;
      assert.ok(moved > share * 0.5 && moved < share * 1.6, `${moved} moved, ${share} is its share`);
    }),
    { numRuns: 30 },
  );
});

test('weights are shares', () => {
  const ring = new NamedRing({ light: 1, heavy: 3 });
  const heavy = Array.from({ length: 4000 }, (_, index) => ring.find(`key-${index}`)).filter((at) => at === 'heavy');
  assert.ok(Math.abs(heavy.length - 3000) < 300, `${heavy.length}`);
});

test('fractional weights keep at least one point', () => {
  assert.equal(ringPoints('a', 0.5).length / 4, 80);
  assert.equal(ringPoints('a', 0.0001).length / 4, 1);
});

test('nobody allowed, or an empty ring, is nobody', () => {
  assert.equal(new NamedRing({ a: 1 }).find('k', new Set(['a'])), undefined);
  assert.equal(new NamedRing({}).find('k'), undefined);
});

test('members of the same name answer for each other', () => {
  const twins = new Ring([ringPoints('a', 1), ringPoints('a', 1)]);
  assert.equal(twins.find('k', Uint8Array.of(1, 0)), 0);
  assert.equal(twins.find('k', Uint8Array.of(0, 1)), 1);
});
