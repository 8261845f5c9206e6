import type { ChunkRanges, Exchange, ResponseHead, UpstreamError, UpstreamHandler } from '../backends/pool.ts';
import { NO_END, readAnswerEnd } from './answer-end.ts';
import type { AttemptResult, FailureReason } from './attempt-result.ts';
import { payloadText } from './payload.ts';
import type { RelayHooks } from './relay.ts';
import { headerValue, relayedHeaders } from './response-headers.ts';

/** Bytes of an answer that is kept: one token with what `prompt_logprobs` may add for a long prompt. */
const MAX_BYTES = 32 * 1024 * 1024;

/** Takes an answer that the router asked for itself, whole. It stands in for the relay where there is no client to relay to. */
export class AnswerCollector implements UpstreamHandler {
  readonly streaming = false;
  readonly paused = false;
  /** The request has gone out over a connection that stood. */
  connected = false;
  /** Bytes that went to the client. */
  readonly bytes = 0;
  /** Monotonic ms of the last byte from the backend; of the start before any. */
  lastByteAt: number;
  readonly #requestId: string;
  readonly #hooks: RelayHooks;
  readonly #settle: (result: AttemptResult) => void;
  #exchange: Exchange | undefined;
  #head: ResponseHead | undefined;
  #body = '';
  #settled = false;

  constructor(requestId: string, hooks: RelayHooks, settle: (result: AttemptResult) => void) {
    this.#requestId = requestId;
    this.#hooks = hooks;
    this.#settle = settle;
    this.lastByteAt = hooks.now();
  }

  attach(exchange: Exchange): void {
    this.#exchange = exchange;
  }

  onConnected(): void {
    this.connected = true;
  }

  onHead(head: ResponseHead): void {
    this.#head = head;
  }

  onBody(buffer: Buffer, start: number, end: number, chunks: ChunkRanges | undefined): void {
    this.lastByteAt = this.#hooks.now();
    if (this.#body === '') this.#hooks.onFirstByte(this.lastByteAt, false);
    this.#body += payloadText(buffer, start, end, chunks);
    if (this.#body.length > MAX_BYTES) this.fail('bad_response');
  }

  onEnd(): void {
    const { status, rawHeaders } = this.#head!;
    const body = this.#body;
    this.#finish({
      type: 'answered',
      answer: {
        status,
        headers: relayedHeaders(rawHeaders, this.#requestId),
        body,
        retryAfter: headerValue(rawHeaders, 'retry-after'),
        inStream: false,
        ...(status < 300 ? readAnswerEnd(body) : NO_END),
      },
    });
  }

  onError(error: UpstreamError): void {
    this.fail(error.reason);
  }

  /** Ends the attempt from outside. */
  fail(reason: FailureReason): void {
    if (this.#settled) return;
    this.#exchange?.abort();
    this.#finish({ type: 'failed', reason });
  }

  /** The client is gone. */
  leave(): void {
    if (this.#settled) return;
    this.#exchange?.abort();
    this.#finish({ type: 'left' });
  }

  #finish(result: AttemptResult): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#body = '';
    this.#settle(result);
  }
}
