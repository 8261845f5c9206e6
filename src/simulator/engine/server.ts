import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

const REFUSAL = 'Invalid HTTP request received.';

/** An HTTP server with uvicorn's manners: silent 5 s keep-alive, no time-outs on requests, plain 400 for what is no HTTP. */
export function createEngineServer(
  keepAlive: number,
  serve: (req: IncomingMessage, res: ServerResponse) => void,
): Server {
  const server = createServer(
    {
      keepAliveTimeout: keepAlive,
      // Node's own second on top would hide the race that uvicorn's exact 5 s cause.
      keepAliveTimeoutBuffer: 0,
      headersTimeout: 0,
      requestTimeout: 0,
      requireHostHeader: false,
      maxHeaderSize: 256 * 1024,
      noDelay: true,
    },
    serve,
  );
  server.maxHeadersCount = 0;
  server.on('clientError', (_error, socket) => {
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    socket.end(
      `HTTP/1.1 400 Bad Request\r\ndate: ${new Date().toUTCString()}\r\nserver: uvicorn\r\n` +
        'content-type: text/plain; charset=utf-8\r\n' +
        `content-length: ${REFUSAL.length}\r\nconnection: close\r\n\r\n${REFUSAL}`,
    );
  });
  return server;
}
