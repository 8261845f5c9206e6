import { parseResponse } from '../fakes/framing.ts';
import { RawClient, type RawResponse } from '../fakes/raw-client.ts';
import type { ClientRequest } from './client-requests.ts';
import type { LoopClock } from './loop-clock.ts';
import type { Ending } from './oracle.ts';

/** Makes the request on a connection of its own; never takes longer than `deadline` ms. */
export async function makeRequest(
  url: string,
  request: ClientRequest,
  clock: LoopClock,
  deadline: number,
): Promise<Ending> {
  const client = await RawClient.open(url);
  let cancel = () => {};
  const hung = new Promise<Ending>((resolve) => {
    cancel = clock.after(deadline, () => resolve({ type: 'hung', after: deadline }));
  });
  try {
    return await Promise.race([converse(client, request), hung]);
  } finally {
    cancel();
    client.destroy();
  }
}

async function converse(client: RawClient, request: ClientRequest): Promise<Ending> {
  for (const piece of request.pieces) {
    if (client.end !== 'open') break;
    await new Promise<void>((resolve) => client.socket.write(piece, () => resolve()));
  }
  if (request.deafFor > 0) {
    client.socket.pause();
    await new Promise((resolve) => setTimeout(resolve, request.deafFor));
    client.socket.resume();
  }
  const { leavesAfter } = request;
  if (leavesAfter !== undefined) {
    await client.until((received) => received.length >= leavesAfter || isWhole(received)).catch(() => {});
    return { type: 'left' };
  }
  let response: RawResponse;
  try {
    response = await client.response('POST');
  } catch (error) {
    return { type: 'unanswered', why: (error as Error).message };
  }
  // A second response, or bytes of one, would have come with the first.
  await new Promise((resolve) => setImmediate(resolve));
  return { type: 'answered', response, stray: client.received };
}

function isWhole(received: Buffer): boolean {
  return parseResponse(received, 'POST')?.complete === true;
}
