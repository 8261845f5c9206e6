import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';

/** What the pipeline reads of a request: `node:http`'s, or a plain one's. */
export interface ClientRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersionMajor: number;
  readonly httpVersionMinor: number;
  readonly headers: IncomingHttpHeaders;
  /** Alternating names and values as they came. */
  readonly rawHeaders: string[];
  readonly socket: Socket;
  /** All of the body has come. */
  readonly complete: boolean;
  /** Lets what is left of the body come and go. */
  resume(): unknown;
}

/** What the pipeline does with a response: `node:http`'s, or a plain one's. */
export interface ClientResponse {
  readonly req: { readonly httpVersionMajor: number; readonly httpVersionMinor: number };
  /** Null before the answers to earlier requests of its connection are out, and once this one is. */
  readonly socket: Socket | null;
  readonly statusCode: number;
  readonly headersSent: boolean;
  /** `end` has been called. */
  readonly writableEnded: boolean;
  /** Everything has been handed to the system. */
  readonly writableFinished: boolean;
  readonly writableNeedDrain: boolean;
  readonly destroyed: boolean;
  sendDate: boolean;
  setHeader(name: string, value: string): unknown;
  writeHead(status: number, headers: string[] | Record<string, string | number>): unknown;
  flushHeaders(): void;
  write(chunk: Buffer): boolean;
  end(): unknown;
  end(last: string | Buffer): unknown;
  end(last: string, encoding: 'latin1'): unknown;
  destroy(): unknown;
  /** `close`: it is over, finished or not. */
  once(event: 'close' | 'drain' | 'socket', listener: (...args: never[]) => void): unknown;
  off(event: 'close' | 'drain', listener: () => void): unknown;
}
