import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { droppedLogBytes, LogSink } from '../src/log-sink.ts';

test('lines for a full disk are thrown away and counted', { skip: process.platform !== 'linux' }, async (t) => {
  const full = openSync('/dev/full', 'w');
  t.after(() => closeSync(full));
  const before = droppedLogBytes();
  const sink = new LogSink(full);
  sink.write('a line\n');
  await sink.close();
  assert.equal(droppedLogBytes() - before, 'a line\n'.length);
});
