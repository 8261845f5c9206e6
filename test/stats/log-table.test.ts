import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatLogTable } from '../../src/stats/log-table.ts';
import { backend, engine, START, world } from './facts.ts';

test('a line per backend, columns aligned', () => {
  const { stats, backends, clock } = world();
  const since = START - 3_723_000;
  backends.push(
    backend('http://10.0.0.1:8000', { since, models: ['llama-8b', 'lora-1', 'lora-2'], engine: engine() }),
    backend('http://gpu-with-a-long-name:8000', { state: 'unhealthy', healthy: false, models: [] }),
  );
  const attempt = stats.series('http://10.0.0.1:8000', 'llama-8b').dispatched(START);
  attempt.firstToken(START + 250);
  attempt.token(START + 258.5);
  attempt.finished(START + 12_300, 'success');
  stats.series('http://10.0.0.1:8000', 'lora-1').dispatched(START);
  stats.series('http://left:1', 'm').dispatched(START);
  clock.now = START + 20_000;
  assert.equal(
    formatLogTable(stats.view()),
    `
backend                           state      models         up   qps  prefill  decoding  finished   ttft    p99    itl  latency  running  waiting   kv  hits
http://10.0.0.1:8000              ready      llama-8b +2  1h2m  0.10        1         0         1  250ms  264ms  8.5ms    12.3s        3        2  25%   25%
http://gpu-with-a-long-name:8000  unhealthy  -             20s  0.00        0         0         0      -      -      -        -        -        -    -     -
http://left:1                     removed    -               -  0.05        1         0         0      -      -      -        -        -        -    -     -`.slice(
      1,
    ),
  );
});

test('a name with a line break forges no row', () => {
  const { stats, backends } = world();
  backends.push(backend('http://a', { models: ['m\nhttp://evil  ready\u001b[31m'] }));
  const lines = formatLogTable(stats.view()).split('\n');
  assert.equal(lines.length, 2);
  assert.match(lines[1]!, /m\?http:\/\/evil {2}ready\?\[31m/);
});

test('no backends: the head alone', () => {
  assert.equal(formatLogTable(world().stats.view()).split('\n').length, 1);
});
