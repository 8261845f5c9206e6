import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RouterError } from '../../src/errors.ts';
import { ONE_GO, readInTurns, readMembers } from '../../src/pipeline/read-members.ts';
import type { JsonMembers } from '../../src/proxy/json-scan.ts';

type Read = (body: Buffer) => JsonMembers | Promise<JsonMembers>;

/** What is found, or what the client is told. */
async function outcome(read: Read, body: Buffer): Promise<unknown> {
  try {
    const { keys, starts, ends } = await read(body);
    return { keys, starts, ends };
  } catch (error) {
    assert.ok(error instanceof RouterError, String(error));
    return error.body();
  }
}

const inPieces =
  (piece: number): Read =>
  (body) =>
    readInTurns(body, piece);

/** JSON and what is nearly JSON, with all that a cut can fall into: escapes, characters of several bytes, numbers, white space. */
const nearly = fc
  .tuple(
    fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' }), { maxKeys: 40 }),
    fc.constantFrom(0, 3),
    fc.option(fc.tuple(fc.nat(), fc.constantFrom(...Buffer.from('{}[],:"\\x1-. \n\u00e4\u0001'), 0xff))),
    fc.boolean(),
  )
  .map(([value, indent, change, whole]) => {
    const body = Buffer.from(JSON.stringify({ ...value, model: 'm', 'a"\\b': 'ä€😀\\"'.repeat(5) }, null, indent));
    if (change !== null) body[change[0] % body.length] = change[1];
    return whole ? body : body.subarray(0, change === null ? -1 : change[0] % body.length);
  });

test('a body that is read in pieces has the same members and faults as one that is read at once, wherever it is cut', async () => {
  const seen = new Set<unknown>();
  await fc.assert(
    fc.asyncProperty(nearly, fc.integer({ min: 4, max: 70 }), async (body, piece) => {
      fc.pre(body.length > 0);
      const expected = await outcome(readMembers, body);
      seen.add((expected as { keys?: unknown }).keys === undefined ? JSON.parse(String(expected)).error.code : 'found');
      assert.deepEqual(await outcome(inPieces(piece), body), expected);
    }),
    { numRuns: 1_000 },
  );
  for (const kind of ['found', 'invalid_json', 'invalid_encoding']) assert.ok(seen.has(kind), kind);
});

test('every fault is the same in pieces of every size', async () => {
  const deep = `{"a":${'[{"b":'.repeat(70)}1`;
  const many = Array.from({ length: 100 }, (_, at) => `"k${at}": ${at}`).join(' , ');
  const bodies = [
    `{${many}}`,
    `{${many}, "k50":1}`,
    `{${many}, "k5\\u0030":1}`,
    '{"model":"a","m\\u006fdel":"b"}',
    deep,
    `  {"s": "${'\\\\'.repeat(30)}" ,"t":"${'\\"'.repeat(30)}","n":-12.5e+10, "l" : [true,false , null]}  \n`,
    `{"s":"${'x'.repeat(30)}\u0001"}`,
    `{"s":"${'x'.repeat(30)}`,
    `{"s":"${'x'.repeat(30)}\\`,
    `{"${'k'.repeat(30)}`,
    `{"s":1}${' '.repeat(20)}x`,
    `{"s":1,${' '.repeat(20)}`,
    `${' '.repeat(40)}[1]`,
    ' '.repeat(40),
    '\ufeff{"model":"m"}',
    '{"n":01}',
  ].map((text) => Buffer.from(text));
  bodies.push(Buffer.concat([Buffer.from('{"a":1,'), Buffer.alloc(9, 0x80), Buffer.from('}')]));
  bodies.push(Buffer.from('{"a":"😀😀😀'.repeat(3)).subarray(0, -2));
  for (const body of bodies) {
    const expected = await outcome(readMembers, body);
    for (let piece = 4; piece <= body.length + 1; piece++) {
      assert.deepEqual(await outcome(inPieces(piece), body), expected, `${body} in pieces of ${piece}`);
    }
  }
});

test('scans of several bodies in turns do not disturb one another', async () => {
  const body = (key: string, depth: number) =>
    Buffer.from(`{"${key}":${'['.repeat(depth)}"${key.repeat(50)}"${']'.repeat(depth)},"model":"${key}"}`);
  const bodies = Array.from({ length: 20 }, (_, at) => body(`key${at}`, at * 3));
  const together = await Promise.all(bodies.map((one, at) => outcome(inPieces(5 + at), one)));
  assert.deepEqual(together, await Promise.all(bodies.map((one) => outcome(readMembers, one))));
});

test('other turns of the event loop come between the pieces of a long body', async () => {
  const body = Buffer.from(JSON.stringify({ model: 'm', prompt: 'x'.repeat(8 * ONE_GO) }));
  let turns = 0;
  let over = false;
  const count = () => {
    turns++;
    if (!over) setImmediate(count);
  };
  setImmediate(count);
  const members = await readMembers(body);
  over = true;
  assert.equal(members.value('model'), 'm');
  assert.deepEqual(members.range('prompt'), [22, body.length - 1]);
  assert.ok(turns >= 32, `${turns} turns`);
});

test('a body with very many members is read in a time that grows with them, not with their square', () => {
  const count = 300_000;
  const text = `{${Array.from({ length: count }, (_, at) => `"${at}":1`).join(',')}}`;
  const started = performance.now();
  return Promise.resolve(readMembers(Buffer.from(text))).then((members) => {
    assert.equal(members.keys.length, count);
    // Each compared with all others it took 90 s.
    assert.ok(performance.now() - started < 20_000);
  });
});
