import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuthConfig, Config, ListenerConfig } from '../../src/config/config.ts';
import { createAuthenticate } from '../../src/runtime/authenticate.ts';
import { KeySet } from '../../src/runtime/key-set.ts';

const KEYS = new KeySet('alice: k1\nbob: k2');
const secrets = { authenticate: (_: unknown, presented: string) => KEYS.find(presented) };
const listener = { auth: 'team' } as ListenerConfig;

function by(models?: AuthConfig['models']) {
  const auth: Record<string, AuthConfig> = { team: { type: 'api-key', keys: { env: 'K' }, ...(models && { models }) } };
  const config = { auth } as unknown as Config;
  return { auth, authenticate: createAuthenticate(secrets, () => config) };
}

test('without models a key may use all', () => {
  const { authenticate } = by();
  assert.deepEqual(authenticate(listener, 'k1'), { name: 'alice' });
  assert.equal(authenticate(listener, 'k3'), undefined);
});

test('with models: its own patterns, those of `*`, or none', () => {
  const named = by({ alice: ['a', 'b/*'] }).authenticate;
  const alice = named(listener, 'k1')!.mayUse!;
  assert.deepEqual([alice('a'), alice('b/x'), alice('ab')], [true, true, false]);
  assert.equal(named(listener, 'k2')!.mayUse!('a'), false);
  const rest = by({ alice: ['a'], '*': ['c'] }).authenticate;
  assert.deepEqual([rest(listener, 'k2')!.mayUse!('c'), rest(listener, 'k1')!.mayUse!('c')], [true, false]);
  assert.equal(rest(listener, 'k1'), rest(listener, 'k1'), 'compiled once');
});

test('an auth that is gone lets nobody in', () => {
  const { auth, authenticate } = by();
  delete auth['team'];
  assert.equal(authenticate(listener, 'k1'), undefined);
});
