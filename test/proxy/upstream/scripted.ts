import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { Exchange, ResponseHead, UpstreamError, UpstreamRequest } from '../../../src/backends/pool.ts';
import { SocketPool } from '../../../src/proxy/upstream/socket-pool.ts';

/** A TCP server that does with every request (a head, and a body by its content-length) what `answer` says. */
export async function scripted(
  t: Pick<TestContext, 'after'>,
  answer: (socket: Socket, request: string, connection: number) => void,
  tls?: TlsOptions,
): Promise<{ url: string; requests: string[]; sockets: Socket[]; server: Server }> {
  const requests: string[] = [];
  const sockets: Socket[] = [];
  const accept = (socket: Socket) => {
    const connection = sockets.push(socket);
    let received = '';
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (data: Buffer) => {
      received += data.toString('latin1');
      for (;;) {
        const end = received.indexOf('\r\n\r\n');
        if (end < 0) return;
        const size = end + 4 + Number(/^content-length: (\d+)/im.exec(received)?.[1] ?? 0);
        if (received.length < size) return;
        const request = received.slice(0, size);
        received = received.slice(size);
        requests.push(request);
        answer(socket, request, connection);
      }
    });
  };
  const server = tls ? createTlsServer(tls, accept) : createServer(accept);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`, requests, sockets, server };
}

export function pool(t: TestContext, url: string, now = () => performance.now()): SocketPool {
  const made = new SocketPool(url, now);
  t.after(() => made.destroy());
  return made;
}

export interface Received {
  readonly head: ResponseHead | undefined;
  /** Payload. */
  readonly body: Buffer;
  readonly error: UpstreamError | undefined;
}

export const REQUEST: UpstreamRequest = { method: 'GET', path: '/', headerLines: '', body: undefined };

/** Sends and resolves with what came of it. `onBody` is told each time, `started` gets the exchange. */
export function exchange(
  pool: SocketPool,
  request: Partial<UpstreamRequest> = {},
  options: { connectTimeout?: number; started?: (exchange: Exchange) => void; onBody?: () => void } = {},
): Promise<Received> {
  return new Promise((resolve) => {
    let head: ResponseHead | undefined;
    const pieces: Buffer[] = [];
    const finish = (error?: UpstreamError) => resolve({ head, body: Buffer.concat(pieces), error });
    const sent = pool.send(
      { ...REQUEST, ...request },
      {
        onHead: (got) => {
          head = got;
        },
        onBody: (buffer, start, end, chunks) => {
          if (chunks === undefined) pieces.push(Buffer.from(buffer.subarray(start, end)));
          else {
            for (let index = 0; index < chunks.count; index += 2) {
              pieces.push(Buffer.from(buffer.subarray(chunks.offsets[index]!, chunks.offsets[index + 1]!)));
            }
          }
          options.onBody?.();
        },
        onEnd: () => finish(),
        onError: finish,
      },
      options.connectTimeout ?? 1_000,
    );
    options.started?.(sent);
  });
}
