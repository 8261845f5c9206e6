import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { memberSchema, resolve, SCHEMA, type Schema } from '../../src/config/schema.ts';
import { parseDuration, parseSize } from '../../src/units.ts';

interface Visit {
  readonly path: string;
  readonly schema: Schema;
  /** As member of a map: its key, and whether the map needs it. */
  readonly key?: string;
  readonly required?: boolean;
}

/** Every node that a file can have. */
function* walk(schema: Schema, path: string, key?: string, required?: boolean): Generator<Visit> {
  const resolved = resolve(schema);
  yield { path, schema: resolved, ...(key !== undefined && { key, required: required ?? false }) };
  const branches = resolved.discriminator ? resolved.oneOf!.map(resolve) : [resolved];
  for (const branch of branches) {
    const at = resolved.discriminator ? `${path}(${branch.properties!['type']!.const})` : path;
    if (branch !== resolved) yield { path: at, schema: branch };
    for (const [name, member] of Object.entries(branch.properties ?? {})) {
      yield* walk(member, `${at}.${name}`, name, branch.required?.includes(name) ?? false);
    }
    if (typeof branch.additionalProperties === 'object') yield* walk(branch.additionalProperties, `${at}.*`);
    if (branch.items) yield* walk(branch.items, `${at}[]`);
  }
}

const nodes = [...walk(SCHEMA, '')];

test('every node says what it is and what changing it takes', () => {
  for (const { path, schema } of nodes) {
    assert.ok((schema.description ?? '').length > 5, `${path} has no description`);
    assert.ok(['hot', 'rebind', 'restart'].includes(schema['x-reload'] ?? ''), `${path} has no x-reload`);
  }
});

test('every key is required, or has a default, or says what its absence means', () => {
  for (const { path, schema, key, required } of nodes) {
    if (key === undefined || required) continue;
    assert.ok(schema.default !== undefined || schema['x-absent'], `${path} has none of the three`);
    assert.ok(schema.default === undefined || !schema['x-absent'], `${path} has two of the three`);
  }
});

test('unknown keys fail in every map', () => {
  for (const { path, schema } of nodes) {
    if (schema.type !== 'object' || schema.discriminator) continue;
    assert.ok(schema.additionalProperties !== undefined, `${path} lets anything pass`);
  }
});

test('durations and sizes have defaults with units, and no number stands for either', () => {
  for (const { path, schema } of nodes) {
    const unit = schema['x-unit'];
    if (unit && schema.default !== undefined) {
      const parse = unit === 'duration' ? parseDuration : parseSize;
      assert.ok(parse(String(schema.default)) !== undefined, path);
    }
    if (/(timeout|interval|debounce|drain|delay|every|window|size)$/i.test(path))
      assert.ok(unit, `${path} has no unit`);
  }
});

test('what the schema accepts as an amount, the parser does too', () => {
  const texts = [
    '1s',
    '1m30s',
    '0s',
    '1.5h',
    '250ms',
    '1d',
    's',
    '1',
    '1 s',
    '-1s',
    '1sm',
    '32MiB',
    '1.5GiB',
    '7B',
    '1kb',
  ];
  const patterns = { duration: SCHEMA.$defs!['duration']!.pattern!, size: SCHEMA.$defs!['size']!.pattern! };
  for (const text of texts) {
    assert.equal(new RegExp(patterns.duration).test(text), parseDuration(text) !== undefined, text);
    assert.equal(new RegExp(patterns.size).test(text), parseSize(text) !== undefined, text);
  }
});

test('it is self-contained and has a name', () => {
  assert.ok(SCHEMA && '$id' in SCHEMA && '$schema' in SCHEMA);
  for (const [, ref] of JSON.stringify(SCHEMA).matchAll(/"\$ref":"([^"]*)"/g)) assert.match(ref!, /^#\/\$defs\/\w+$/);
  const used = new Set([...JSON.stringify(SCHEMA).matchAll(/"\$ref":"#\/\$defs\/(\w+)"/g)].map((match) => match[1]));
  assert.deepEqual(
    Object.keys(SCHEMA.$defs!).filter((name) => !used.has(name)),
    [],
  );
});

test('a route takes every policy that `defaults` has, in the same shape', () => {
  const policies = Object.entries(SCHEMA.properties!['defaults']!.properties!);
  const route = SCHEMA.$defs!['route']!;
  for (const [name, policy] of policies) assert.deepEqual(memberSchema(route, name), policy);
});

test('router.example.yaml shows every key', () => {
  const text = readFileSync(new URL('../../router.example.yaml', import.meta.url), 'utf8');
  for (const { path, key } of nodes) {
    if (key !== undefined) assert.match(text, new RegExp(`\\b${key}:`), `${path} is missing`);
  }
});
