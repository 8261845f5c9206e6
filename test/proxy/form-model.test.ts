import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type FormModel, formModel } from '../../src/proxy/form-model.ts';

const TYPE = 'multipart/form-data; boundary=XX';
const part = (name: string, value: string | Buffer, extra = '') =>
  Buffer.concat([
    Buffer.from(`--XX\r\nContent-Disposition: form-data; name="${name}"${extra}\r\n\r\n`),
    Buffer.from(value as string),
    Buffer.from('\r\n'),
  ]);
const form = (...parts: Buffer[]) => Buffer.concat([...parts, Buffer.from('--XX--\r\n')]);

function found(body: Buffer, type = TYPE): FormModel {
  const result = formModel(body, type);
  if (result === undefined || 'fault' in result) assert.fail(JSON.stringify(result));
  return result;
}

test('finds the model wherever it stands, and where its bytes lie', () => {
  const file = part(
    'file',
    Buffer.from([0, 13, 10, 45, 45, 88, 255, 1]),
    '; filename="a.wav"\r\nContent-Type: audio/wav',
  );
  for (const body of [form(part('model', 'm/ä'), file), form(file, part('language', 'en'), part('model', 'm/ä'))]) {
    const { model, range } = found(body);
    assert.equal(model, 'm/ä');
    assert.equal(body.toString('utf8', ...range), 'm/ä');
  }
});

test('the ways clients write boundaries and names', () => {
  const body = form(part('model', 'm'));
  assert.equal(found(body, 'multipart/form-data; charset=utf-8; boundary="XX"').model, 'm');
  assert.equal(found(body, 'Multipart/Form-Data;boundary=XX').model, 'm');
  const unquoted = Buffer.from('--XX\r\ncontent-disposition: form-data; name=model\r\n\r\nm\r\n--XX--');
  assert.equal(found(unquoted).model, 'm');
  const preamble = Buffer.concat([Buffer.from('preamble\r\n'), body]);
  assert.equal(found(preamble).model, 'm');
});

test('a form without a model, a broken one, and one with two', () => {
  assert.equal(formModel(form(part('file', 'x')), TYPE), undefined);
  // A file of that name, or a field whose name only begins so, is not it.
  assert.equal(formModel(form(part('models', 'x')), TYPE), undefined);
  for (const [body, type] of [
    [form(part('model', 'a'), part('model', 'b')), TYPE],
    [form(part('model', 'x'.repeat(2_000))), TYPE],
    [form(part('model', 'm')).subarray(0, -12), TYPE],
    [form(part('model', 'm')), 'multipart/form-data; boundary=YY'],
    [form(part('model', 'm')), 'multipart/form-data'],
    [form(...Array.from({ length: 80 }, (_, index) => part(`f${index}`, 'x'))), TYPE],
    [Buffer.alloc(0), TYPE],
  ] as const) {
    const result = formModel(body, type);
    assert.ok(result !== undefined && 'fault' in result, body.toString().slice(0, 60));
  }
});

test('no bytes make it throw or hang, and what it finds is what a field says', () => {
  const piece = fc.constantFrom(
    '--XX',
    '--XX--',
    '\r\n',
    '\r\n\r\n',
    'name="model"',
    'Content-Disposition: form-data; ',
    ';',
    'x',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const body = Buffer.from(pieces.join(''));
      const result = formModel(body, TYPE);
      if (result !== undefined && !('fault' in result))
        assert.equal(body.toString('utf8', ...result.range), result.model);
    }),
    { numRuns: 500 },
  );
});
