import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouterError } from '../../../src/errors.ts';
import { returnSlab, takeSlab } from '../../../src/proxy/body-slabs.ts';
import { PlainBody } from '../../../src/proxy/client/plain-body.ts';

const READER = { stopReading: () => assert.fail('nobody is to be evicted') };

test('a body that becomes complete after its request has been given up gives its memory back with its connection', async () => {
  const size = 220_000;
  const slab = takeSlab(size)!;
  returnSlab(slab);
  const body = new PlainBody(size, Buffer.alloc(size - 100), READER);
  const claimed = body.claim(size);
  body.fail(new RouterError('request_timeout'));
  await assert.rejects(async () => claimed, { code: 'request_timeout' });
  assert.equal(body.copyFrom(Buffer.alloc(100)), 100);
  assert.ok(body.complete);
  body.release();
  const again = takeSlab(size)!;
  assert.ok(again === slab);
  body.release();
  assert.ok(takeSlab(size) !== slab, 'once');
  returnSlab(slab);
});

test('what somebody has been given is not given back with the connection', () => {
  const body = new PlainBody(40_000, Buffer.alloc(40_000), READER);
  const whole = body.claim(40_000);
  assert.ok(!(whole instanceof Promise) && whole.slab !== undefined);
  body.release();
  assert.ok(takeSlab(40_000) !== whole.slab);
});
