import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectFailure, lostConnection } from '../../../src/proxy/upstream/open-socket.ts';

const error = (code: string) => Object.assign(new Error(code), { code });

test('a connection that ends for want of any answer says that the machine is unreachable, not that a process died', () => {
  for (const code of ['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH']) {
    assert.equal(lostConnection(error(code), true), 'unreachable');
    assert.equal(lostConnection(error(code), false), 'unreachable');
  }
  assert.equal(lostConnection(error('ECONNRESET'), true), 'disconnected');
  assert.equal(lostConnection(undefined, false), 'truncated');
});

test('who cannot be connected to again may have died of the request, unless it is the way there that is gone', () => {
  assert.equal(connectFailure(error('ECONNREFUSED'), false), 'connect_failed');
  assert.equal(connectFailure(error('ECONNREFUSED'), true), 'disconnected');
  assert.equal(connectFailure(error('EHOSTUNREACH'), true), 'connect_failed');
  assert.equal(connectFailure(error('EMFILE'), true), 'no_socket');
});
