import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readProfile, selfTimes } from '../../bench/profile.ts';

test('self time is added up by function, idle time and time outside the window are left out', () => {
  const frame = (functionName: string, url = '', lineNumber = -1) => ({ functionName, url, lineNumber });
  const profile = {
    startTime: 5_000_000,
    nodes: [
      { id: 1, callFrame: frame('(idle)') },
      { id: 2, callFrame: frame('relay', 'file:///somewhere/src/proxy/relay.ts', 41) },
      { id: 3, callFrame: frame('', 'file:///somewhere/src/proxy/relay.ts', 9) },
      { id: 4, callFrame: frame('relay', 'file:///somewhere/src/proxy/relay.ts', 41) },
    ],
    samples: [3, 1, 2, 3, 4, 3],
    timeDeltas: [700, 1000, 50, 20, 30, 200],
  };
  const hot = selfTimes(profile, { begin: 5_001_000, end: 5_001_900 });
  assert.deepEqual(hot, [
    { name: 'relay src/proxy/relay.ts:42', share: 0.8 },
    { name: '(anonymous) src/proxy/relay.ts:10', share: 0.2 },
  ]);
});

test('no profile was written', () => {
  assert.equal(readProfile('/nonexistent/profile'), undefined);
});
