import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, statusError, toApiError } from '../../../src/discovery/kubernetes/api-error.ts';

const coded = (code: string, name = 'Error') => Object.assign(new Error('x'), { code, name });

test('says where a call broke in one word', () => {
  assert.equal(toApiError(coded('ECONNREFUSED'), 'request').code, 'connect');
  assert.equal(toApiError(coded('SELF_SIGNED_CERT_IN_CHAIN'), 'request').code, 'connect');
  assert.equal(toApiError(coded('UND_ERR_BODY_TIMEOUT'), 'body').code, 'timeout');
  assert.equal(toApiError(new DOMException('late', 'TimeoutError'), 'request').code, 'timeout');
  assert.equal(toApiError(coded('UND_ERR_SOCKET'), 'body').code, 'stream');
  assert.equal(toApiError(new TypeError('bug'), 'request').code, 'protocol');
  const known = new ApiError(403, 'no');
  assert.equal(toApiError(known, 'body'), known);
});

test('a message names its code once', () => {
  assert.equal(toApiError(coded('ECONNRESET'), 'request').message, 'x (ECONNRESET)');
  const same = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
  assert.equal(toApiError(same, 'request').message, 'connect ECONNREFUSED 127.0.0.1:1');
});

test('takes the message and the wish to wait from a Status', () => {
  const status = JSON.stringify({ message: 'slow down', details: { retryAfterSeconds: 2 } });
  assert.equal(statusError(429, status, undefined).message, 'HTTP 429: slow down');
  assert.equal(statusError(429, status, undefined).retryAfter, 2000);
  assert.equal(statusError(429, status, '7').retryAfter, 7000);
  assert.equal(statusError(503, '', '3600').retryAfter, 60_000);
  assert.equal(statusError(503, '<html>\n bad\n gateway', undefined).message, 'HTTP 503: <html> bad gateway');
  assert.equal(statusError(500, '', undefined).message, 'HTTP 500');
});
