import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseTrace, TRACE_BLOCK, type TraceLine, traceWorkload } from '../../src/simulator/replay/trace.ts';
import type { Workload } from '../../src/simulator/replay/workloads.ts';

const FIXTURES = join(import.meta.dirname, '../../test/fixtures/traces');

/** The Mooncake lines of a compact trace; its form is in the README beside it. */
export function unpackTrace(text: string): TraceLine[] {
  const lines: TraceLine[] = [];
  let timestamp = 0;
  let nextId = 0;
  for (const row of text.trimEnd().split('\n')) {
    const [gap = 0, input = 0, output = 0, back = 0, shared = 0] = row.split(',').map(Number);
    timestamp += gap;
    const hash_ids = shared === 0 ? [] : lines[lines.length - back]!.hash_ids.slice(0, shared);
    while (hash_ids.length < Math.ceil(input / TRACE_BLOCK)) hash_ids.push(nextId++);
    lines.push({ timestamp, input_length: input, output_length: output, hash_ids });
  }
  return lines;
}

/** The two traces: from `directory` in Mooncake's own form, under whatever names hold these words, else from the fixtures. */
export function mooncakeTraces(directory?: string): { conversation: Workload; synthetic: Workload } {
  if (directory === undefined) {
    return { conversation: fixture('mooncake-conversation'), synthetic: fixture('mooncake-synthetic') };
  }
  return { conversation: original(directory, 'conversation'), synthetic: original(directory, 'synthetic') };
}

function fixture(name: string): Workload {
  return traceWorkload(name, unpackTrace(readFileSync(join(FIXTURES, `${name}.csv`), 'utf8')));
}

function original(directory: string, word: string): Workload {
  const file = readdirSync(directory).find((name) => name.includes(word) && name.endsWith('.jsonl'));
  if (file === undefined) throw new Error(`${directory} has no ${word} trace`);
  return parseTrace(`mooncake-${word}`, readFileSync(join(directory, file), 'utf8'));
}
