import assert from 'node:assert/strict';
import { sseEvents } from '../fakes/framing.ts';
import type { RawClient } from '../fakes/raw-client.ts';

/** How a stream ended. */
export interface End {
  readonly last: string;
  /** The framing was complete. */
  readonly clean: boolean;
  /** A finish_reason and `[DONE]` came, and no error. */
  readonly well: boolean;
  /** The code of the error event. */
  readonly error: string;
  readonly ms: number;
}

/** Resolves once the stream has ended, somehow. */
export async function endOf(client: RawClient): Promise<End> {
  const started = performance.now();
  const response = await client.response();
  client.destroy();
  const events = sseEvents(response.body).map(({ data }) => data);
  const last = events.at(-1) ?? '';
  const failed = events.find((data) => data.startsWith('{"error"'));
  const error = failed === undefined ? '' : String((JSON.parse(failed) as { error: { code: unknown } }).error.code);
  const finished = events.some((data) => /"finish_reason": ?"/.test(data));
  const well = response.clean && finished && error === '' && last === '[DONE]';
  return { last: last.slice(0, 200), clean: response.clean, well, error, ms: Math.round(performance.now() - started) };
}

/** Exactly the streams of a dead engine must have been broken off, and told so. */
export function told(ends: readonly End[], dead: number): string {
  const broken = ends.filter(({ well }) => !well);
  assert.equal(broken.length, dead, JSON.stringify(ends));
  // An engine's own error event may come with a polite end: vLLM's API server has noticed before it went.
  assert.ok(
    broken.every(({ error }) => error !== ''),
    JSON.stringify(broken),
  );
  const slowest = Math.max(...broken.map(({ ms }) => ms));
  return `its streams (${dead}) got \`${broken[0]!.error}\`${broken.every(({ clean }) => !clean) ? ' and were cut' : ''}, the last after ${slowest} ms; the others (${ends.length - dead}) ended well`;
}
