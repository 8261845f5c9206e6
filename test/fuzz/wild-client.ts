import { connect, type Socket } from 'node:net';
import { parseResponse } from '../fakes/framing.ts';
import type { LoopClock } from './loop-clock.ts';

/** ms of silence after which the client has nothing more to say. */
const QUIET = 150;

/** Sends the bytes, ends its side once nothing comes any more, and says what is wrong with what came back. */
export async function sendWild(
  url: string,
  bytes: Buffer,
  clock: LoopClock,
  deadline: number,
): Promise<{ what: string[]; statuses: number[] }> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true });
  const pieces: Buffer[] = [];
  const closed = await converse(socket, bytes, pieces, clock, deadline);
  const { what, statuses } = readResponses(Buffer.concat(pieces));
  if (!closed) what.push(`the connection was still open ${deadline} ms later`);
  return { what, statuses };
}

function converse(
  socket: Socket,
  bytes: Buffer,
  pieces: Buffer[],
  clock: LoopClock,
  deadline: number,
): Promise<boolean> {
  return new Promise((resolve) => {
    let quiet: NodeJS.Timeout;
    const cancel = clock.after(deadline, () => finish(false));
    const listen = () => {
      clearTimeout(quiet);
      quiet = setTimeout(() => socket.end(), QUIET);
    };
    const finish = (ended: boolean) => {
      clearTimeout(quiet);
      cancel();
      socket.destroy();
      resolve(ended);
    };
    socket.on('connect', () => {
      socket.write(bytes);
      listen();
    });
    socket.on('data', (data: Buffer) => {
      pieces.push(data);
      listen();
    });
    // A reset is an end too: bytes that nobody read were still on their way.
    socket.on('error', () => finish(true));
    socket.on('end', () => finish(true));
    socket.on('close', () => finish(true));
  });
}

/** Whatever was sent, what comes back is a row of well-formed responses, and nothing behind one that closes. */
function readResponses(received: Buffer): { what: string[]; statuses: number[] } {
  const what: string[] = [];
  const statuses: number[] = [];
  let rest = received;
  let closing = false;
  while (rest.length > 0) {
    const shown = JSON.stringify(rest.toString('latin1', 0, 200));
    if (closing) what.push(`bytes behind a response that closes: ${shown}`);
    try {
      // 100 Continue may be all that is said when the client ends before its body.
      if (/^HTTP\/1\.1 100 Continue\r\n\r\n$/.test(rest.toString('latin1'))) break;
      const response = parseResponse(rest, 'POST', true);
      if (response === undefined) {
        what.push(`half a head: ${shown}`);
        break;
      }
      statuses.push(response.status);
      closing = response.headers['connection']?.toLowerCase() === 'close';
      if (response.status >= 400 && response.complete) checkError(response.body, what);
      rest = rest.subarray(response.size);
    } catch (error) {
      what.push(`${(error as Error).message}: ${shown}`);
      break;
    }
  }
  return { what, statuses };
}

function checkError(body: Buffer, what: string[]): void {
  try {
    const { error } = JSON.parse(body.toString()) as { error: { message: unknown; type: unknown } };
    if (typeof error.message === 'string' && typeof error.type === 'string') return;
  } catch {
    // Told below.
  }
  what.push(`an error without its object: ${JSON.stringify(body.toString('latin1', 0, 200))}`);
}
