import type { ChunkRanges } from '../backends/pool.ts';

/** Copies of the payload in [start, end): the buffer is the socket's and is written over by the next read. */
export function payloads(buffer: Buffer, start: number, end: number, chunks: ChunkRanges | undefined): Buffer[] {
  if (chunks === undefined) return [Buffer.from(buffer.subarray(start, end))];
  const pieces: Buffer[] = [];
  for (let index = 0; index < chunks.count; index += 2) {
    pieces.push(Buffer.from(buffer.subarray(chunks.offsets[index]!, chunks.offsets[index + 1]!)));
  }
  return pieces;
}

/** The payload in [start, end), as latin1. */
export function payloadText(buffer: Buffer, start: number, end: number, chunks: ChunkRanges | undefined): string {
  if (chunks === undefined) return buffer.toString('latin1', start, end);
  let text = '';
  for (let index = 0; index < chunks.count; index += 2) {
    text += buffer.toString('latin1', chunks.offsets[index]!, chunks.offsets[index + 1]!);
  }
  return text;
}
