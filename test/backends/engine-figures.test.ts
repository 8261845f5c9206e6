import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { engineFigures } from '../../src/backends/engine-figures.ts';

const recorded = new URL('../fixtures/wire/vllm-0.32.0/get-metrics-full.http', import.meta.url);
const page = readFileSync(recorded, 'utf8').split('\r\n\r\n').at(-1)!;

test('any series of the engine that moves changes its figures; those of its HTTP server and process do not', () => {
  const before = engineFigures(page);
  assert.notEqual(before, undefined);
  assert.equal(engineFigures(page), before);
  let own = 0;
  let others = 0;
  const lines = page.split('\n');
  for (const [index, line] of lines.entries()) {
    if (line.startsWith('#') || line === '') continue;
    const moved = [...lines.slice(0, index), `${line.slice(0, line.lastIndexOf(' '))} 77.5`, ...lines.slice(index + 1)];
    const after = engineFigures(moved.join('\n'));
    if (line.startsWith('vllm:')) own++;
    else others++;
    assert.equal(after !== before, line.startsWith('vllm:'), line);
  }
  assert.ok(own > 100 && others > 10, `${own} ${others}`);
});

test('pages that are no vLLM engine’s say nothing', () => {
  assert.equal(engineFigures(''), undefined);
  assert.equal(engineFigures('llamacpp:requests_processing 1\n'), undefined);
  // A router in front of engines.
  assert.equal(engineFigures('vllm:num_requests_running{server="http://a"} 1\nvllm:current_qps 3\n'), undefined);
});
