import type { Socket } from 'node:net';
import type { ClientRequest } from './client-exchange.ts';
import type { PlainBody, ReadBody } from './plain-body.ts';
import type { PlainHead } from './request-head.ts';

/** A request with a plain head: what the pipeline reads of it has the names of `node:http`'s IncomingMessage. */
export class PlainRequest implements ClientRequest {
  readonly method = 'POST';
  readonly httpVersionMajor = 1;
  readonly httpVersionMinor = 1;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly rawHeaders: string[];
  readonly socket: Socket;
  readonly #body: PlainBody;

  constructor(head: PlainHead, body: PlainBody, socket: Socket) {
    this.url = head.url;
    this.headers = head.headers;
    this.rawHeaders = head.rawHeaders;
    this.socket = socket;
    this.#body = body;
  }

  get complete(): boolean {
    return this.#body.complete;
  }

  /** To be called before the handler first waits for anything. Throws or rejects with what the client is told. */
  body(limit: number): ReadBody | Promise<ReadBody> {
    return this.#body.claim(limit);
  }

  /** What nobody has claimed is dropped anyway. */
  resume(): void {}
}
