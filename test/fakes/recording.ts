import { existsSync, readFileSync } from 'node:fs';

/** One recorded exchange with a real engine; see test/fixtures/wire/README.md. */
export interface Recording {
  readonly name: string;
  readonly request: Buffer;
  readonly response: Buffer;
  readonly status: number | undefined;
  /** `complete`: the connection stayed open; `timeout`: no more bytes came, open; `cut`: the client left. */
  readonly end: 'complete' | 'fin' | 'rst' | 'cut' | 'timeout';
  /** `[ms since the request was sent, bytes]` of every read. */
  readonly reads: readonly (readonly [ms: number, bytes: number])[];
}

const MARKER = Buffer.from('\n\n######## response ########\n');

export function loadRecording(name: string, engine = 'vllm-0.32.0'): Recording {
  const folder = new URL(`../fixtures/wire/${engine}/`, import.meta.url);
  const bytes = readFileSync(new URL(`${name}.http`, folder));
  const notes = new URL(`${name}.json`, folder);
  const about = existsSync(notes) ? JSON.parse(readFileSync(notes, 'utf8')) : {};
  const mark = bytes.indexOf(MARKER);
  return {
    name,
    request: bytes.subarray(0, mark),
    response: bytes.subarray(mark + MARKER.length),
    status: about.status,
    end: about.end ?? 'complete',
    reads: about.reads ?? [],
  };
}
