// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of the config are what is tested
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { isMap, isPair, isScalar, isSeq, type Node, parseDocument, type Range, visit } from 'yaml';
import type { Diagnostic } from '../../src/config/diagnostic.ts';
import { loadConfig } from '../../src/config/load.ts';

const VALID = readFileSync(new URL('../../router.example.yaml', import.meta.url), 'utf8');
const env = { ROUTER_KEYS: 'abc', GPU2_KEY: 'def' };
const load = (text: string) => loadConfig({ files: [{ name: 'router.yaml', text }], env });

/** A node of the valid file that may be changed. */
interface Target {
  readonly start: number;
  readonly end: number;
  /** Where a finding may point: the node, with its key; for a `type` all that it decides. */
  readonly area: readonly [start: number, end: number];
  readonly key: string | undefined;
}

function targets(): Target[] {
  const found: Target[] = [];
  visit(parseDocument(VALID), {
    Node(_, node, path) {
      const range = (node as Node).range as Range;
      const parent = path.at(-1);
      const pair = isPair(parent) ? parent : undefined;
      if (pair?.key === node) return;
      const key = isScalar(pair?.key) ? String(pair.key.value) : undefined;
      const map = path.at(-2);
      const outer = key === 'type' && isMap(map) ? (map.range as Range) : undefined;
      const from = outer?.[0] ?? (isScalar(pair?.key) ? (pair.key.range as Range)[0] : range[0]);
      const to = outer?.[1] ?? range[1];
      // The key of the map that a `type` decides is where missing keys are shown.
      const keyed = path.at(-3);
      // The whole document has no key; a finding about all of it stands at its top.
      const start =
        path.length === 1 ? 0 : outer && isPair(keyed) && isScalar(keyed.key) ? (keyed.key.range as Range)[0] : from;
      found.push({ start: range[0], end: range[1], area: [start, to], key });
    },
  });
  return found;
}

const TARGETS = targets();

const REPLACEMENTS = [
  ...['0', '-1', '1e999', '0777', '99999999999999999999', '.nan', '7', '1.5'],
  ...['""', '"x"', 'x', '"*"', '"${NOPE}"', '"${GPU2_KEY}"', '"${"', 'openai', 'static', '10s', '0s', '1h', '1MiB'],
  ...['true', 'no', 'null', '~', '[]', '{}', '[[]]', '[1]', '[a, a]', '{ a: 1 }', '{ type: x }', '{ type: k8s }'],
  ...[
    '{ env: A, file: b }',
    '"http://"',
    '"http://x:99999"',
    '"[::]:8001"',
    '127.0.0.1:9090',
    '"\\u0000"',
    '__proto__',
  ],
  ...['*x', '[', '"', '!!set {}', '{ a: 1, a: 2 }', '@', '"a\\nb"'],
];

function offsetOf(text: string, line: number, col: number): number {
  let offset = 0;
  for (let i = 1; i < line; i++) offset = text.indexOf('\n', offset) + 1;
  return offset + col - 1;
}

function places(text: string, diagnostic: Diagnostic): number[] {
  return [diagnostic, ...(diagnostic.related ?? [])].map(({ line, col }) => offsetOf(text, line, col));
}

test('the file that is mutated is valid', () => {
  assert.deepEqual(load(VALID).diagnostics, []);
  assert.ok(TARGETS.length > 150);
});

test('a changed node gives a valid config, or a finding inside of it', () => {
  fc.assert(
    fc.property(fc.constantFrom(...TARGETS), fc.constantFrom(...REPLACEMENTS), (target, value) => {
      const text = VALID.slice(0, target.start) + value + VALID.slice(target.end);
      const { config, diagnostics } = load(text);
      const errors = diagnostics.filter(({ severity }) => severity === 'error');
      assert.equal(config === undefined, errors.length > 0);
      if (config) return;
      const [from, to] = [target.area[0], target.area[1] + value.length - (target.end - target.start)];
      const inside = errors.some((error) => places(text, error).some((at) => at >= from && at <= to));
      // Names are used elsewhere; a broken quote or bracket is noticed where it should have ended.
      const elsewhere = errors.some(({ code }) => code === 'unknown-reference' || code === 'yaml-syntax');
      assert.ok(inside || elsewhere, `${value} at ${from}: ${JSON.stringify(errors)}`);
    }),
    { numRuns: 400 },
  );
});

test('a removed member or item gives a valid config, or a finding in what held it', () => {
  const text = JSON.stringify(load(VALID).effective, null, 1);
  const document = parseDocument(text);
  const members: { holder: Range; from: number; to: number; path: string }[] = [];
  visit(document, {
    Collection(_, node, path) {
      const range = node.range as Range;
      const above = path.at(-1);
      const start = isPair(above) && isScalar(above.key) ? (above.key.range as Range)[0] : range[0];
      for (const [index, item] of node.items.entries()) {
        const next = node.items[index + 1];
        const at = (entry: unknown) => ((isPair(entry) ? (entry.key as Node) : (entry as Node)).range as Range)[0];
        const from = next || index === 0 ? at(item) : text.lastIndexOf(',', at(item));
        const to = next ? at(next) : range[1] - 1;
        const path = isMap(node) && isPair(item) ? String(item.key) : isSeq(node) ? `[${index}]` : '';
        members.push({ holder: [start, range[1], range[1]], from, to, path });
      }
    },
  });
  fc.assert(
    fc.property(fc.constantFrom(...members), ({ holder, from, to, path }) => {
      const changed = text.slice(0, from) + text.slice(to);
      const { config, diagnostics } = load(changed);
      if (config) return;
      const errors = diagnostics.filter(({ severity }) => severity === 'error');
      const inside = errors.some((error) =>
        places(changed, error).some((at) => at >= holder[0] && at <= holder[1] - (to - from)),
      );
      assert.ok(
        inside || errors.some(({ code }) => code === 'unknown-reference'),
        `${path}: ${JSON.stringify(errors)}`,
      );
    }),
    { numRuns: 200 },
  );
});

test('no byte prefix of a file throws', () => {
  const bytes = Buffer.from(VALID);
  fc.assert(
    fc.property(fc.nat(bytes.length), (length) => {
      const { config, diagnostics } = load(bytes.subarray(0, length).toString('utf8'));
      assert.equal(
        config === undefined,
        diagnostics.some(({ severity }) => severity === 'error'),
      );
    }),
    { numRuns: 250 },
  );
});

test('nothing that looks like YAML throws', () => {
  const piece = fc.constantFrom(
    'a',
    ':',
    ' ',
    '\n',
    '- ',
    '? ',
    '{',
    '}',
    '[',
    ']',
    ',',
    '&a ',
    '*a',
    '"',
    "'",
    '|',
    '#',
    '!x',
    '\t',
    '<<: ',
    '${A}',
    'é',
    '\0',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      load(pieces.join(''));
    }),
    { numRuns: 1000 },
  );
});
