import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { which } from '../../bench/program.ts';

const go = which('go');

// What the load generator must notice is tested in Go, beside it.
test('the Go programs of the benchmark pass their own tests', {
  skip: go ? false : 'Go is not installed',
}, async () => {
  const cwd = join(import.meta.dirname, '../../bench/load');
  for (const args of [
    ['vet', './...'],
    ['test', './...'],
  ]) {
    const { stdout, stderr } = await promisify(execFile)(go ?? 'go', args, { cwd });
    assert.doesNotMatch(stdout + stderr, /FAIL/);
  }
});
