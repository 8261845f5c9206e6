import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { LanguageServer, type Position } from './language-server.ts';

const root = new URL('../../', import.meta.url);
const URI = 'file:///example/router.yaml';
const EXAMPLE = readFileSync(new URL('router.example.yaml', root), 'utf8').replace(/^# yaml-language-server.*\n/, '\n');
let server: LanguageServer;
let findings: readonly unknown[];

before(async () => {
  server = await LanguageServer.start(new URL('schemas/router.schema.json', root).href);
  findings = await server.open(URI, EXAMPLE);
});

after(() => server?.stop());

/** The first place of `text` in the example, plus `offset`. */
function at(text: string, offset = 0, document = EXAMPLE): Position {
  const index = document.indexOf(text);
  assert.ok(index >= 0, text);
  const before = document.slice(0, index + offset).split('\n');
  return { line: before.length - 1, character: before.at(-1)!.length };
}

let count = 0;

/** What is offered at the `|` of a document. */
async function offered(document: string): Promise<readonly string[]> {
  const uri = `file:///example/${count++}.yaml`;
  const text = document.replace('|', '');
  await server.open(uri, text);
  return server.completions(uri, at('|', 0, document));
}

test('it finds nothing wrong in router.example.yaml', () => {
  assert.deepEqual(findings, []);
});

test('it marks an unknown key and a value without its unit', async () => {
  const found = await server.open(
    'file:///example/bad.yaml',
    'discovery:\n  lab: { type: static, backends: [{ url: "http://a:1" }] }\nreload:\n  pol: 10s\n  debounce: 5\n',
  );
  const byLine = new Map(found.map(({ range, message }) => [range.start.line, message]));
  assert.deepEqual([...byLine.keys()].sort(), [3, 4]);
  assert.match(byLine.get(3)!, /pol/);
});

test('it shows what a key means', async () => {
  assert.match(await server.hover(URI, at('listeners:', 2)), /Addresses that the router serves on/);
  assert.match(await server.hover(URI, at('maxBodySize', 2)), /Largest request body/);
  assert.match(await server.hover(URI, at('labelSelector', 2)), /label/i);
  assert.match(await server.hover(URI, at('maxEjected', 2)), /candidates/);
  assert.match(await server.hover(URI, at('bounded', 2)), /load/);
});

test('it completes keys at the top, of a section, and of the kind of source or algorithm that is named', async () => {
  const top = await offered('version: 1\n|\n');
  for (const key of ['listeners', 'auth', 'discovery', 'models', 'defaults', 'routes', 'stats', 'logging', 'reload']) {
    assert.ok(top.includes(key), key);
  }
  const limits = await offered('defaults:\n  limits:\n    |\n');
  assert.deepEqual([...limits].sort(), ['inflightPerBackend', 'queue', 'queueTimeout']);
  const session = await offered('defaults:\n  algorithm:\n    type: session\n    |\n');
  assert.ok(session.includes('bounded') && session.includes('otherwise'), session.join());
  const source = await offered('discovery:\n  a:\n    type: k8s\n    |\n');
  assert.ok(source.includes('labelSelector') && source.includes('keepLastKnown'), source.join());
  const backend = await offered('discovery:\n  a:\n    type: static\n    backends:\n      - |\n');
  assert.ok(backend.includes('url') && backend.includes('weight'), backend.join());
});

test('it completes values', async () => {
  const algorithms = await offered('defaults:\n  algorithm:\n    type: |\n');
  for (const name of ['round-robin', 'least-load', 'prefix-aware'])
    assert.ok(algorithms.includes(name), algorithms.join());
  const levels = await offered('logging:\n  level: |\n');
  assert.ok(levels.includes('debug') && levels.includes('warn'), levels.join());
});
