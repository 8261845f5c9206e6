import type { ChunkRanges, Exchange, ResponseHead, UpstreamError, UpstreamHandler } from '../backends/pool.ts';
import { NO_END, readAnswerEnd } from './answer-end.ts';
import type { ApiKind } from './api-kind.ts';
import type { AttemptResult, FailureReason, HeldAnswer } from './attempt-result.ts';
import { brokenStreamEvent } from './broken-stream.ts';
import type { ClientWriter } from './client-writer.ts';
import { EventSplitter, endsEvent } from './event-splitter.ts';
import { payloads, payloadText } from './payload.ts';
import { headerValue, type RelayedHeaders, relayedHeaders } from './response-headers.ts';
import { firstEventError, StreamObserver } from './stream-observer.ts';

/** Answers up to this size are held until they are complete: one that breaks off can then still go to another backend. */
const HOLD = 64 * 1024;

/** Calls on the hot path; `now` is monotonic ms. */
export interface RelayHooks {
  now(): number;
  /** How many choices the client asked for. */
  readonly choices: number;
  /** `ofStream`: it begins a stream of events; otherwise it is part of an answer that comes at once. */
  onFirstByte(now: number, ofStream: boolean): void;
  /** The client is about to get its first bytes: from here on no other attempt can follow. */
  onBegin(): void;
  /** Another piece of a stream. */
  onPiece(now: number): void;
}

/**
 * Carries one attempt's response from the backend to the client.
 *
 *   waiting ─head─► holding ─(complete)────────────► answered
 *      │               ├─(first event, first byte)─► streaming ─► streamed
 *      └──── failure ──┴──► failed                      └─ failure ─► broken
 *
 * Nothing goes to the client in `waiting` and `holding`: vLLM sends the head of a stream milliseconds after the request, long
 * before prefill, so all of prefill stays retryable.
 */
export class Relay implements UpstreamHandler {
  readonly #client: ClientWriter;
  readonly #kind: ApiKind;
  readonly #requestId: string;
  readonly #hooks: RelayHooks;
  readonly #settle: (result: AttemptResult) => void;
  readonly #splitter = new EventSplitter();
  readonly observer: StreamObserver;
  #exchange: Exchange | undefined;
  #head: ResponseHead | undefined;
  #headers: RelayedHeaders | undefined;
  #events = false;
  /** As latin1: for a few KB a text is cheaper to make, join, search and write than a buffer. */
  #held = '';
  #settled = false;
  /** The request has gone out over a connection that stood. */
  connected = false;
  streaming = false;
  /** Back-pressure holds the backend's bytes. */
  paused = false;
  /** Monotonic ms of the last byte from the backend; of the start before any. */
  lastByteAt: number;
  /** Bytes of body that went to the client. */
  bytes = 0;

  constructor(
    client: ClientWriter,
    kind: ApiKind,
    requestId: string,
    hooks: RelayHooks,
    settle: (result: AttemptResult) => void,
  ) {
    this.#client = client;
    this.#kind = kind;
    this.#requestId = requestId;
    this.#hooks = hooks;
    this.#settle = settle;
    this.observer = new StreamObserver(kind, hooks.choices);
    this.lastByteAt = hooks.now();
  }

  /** The exchange this relay may pause and abort; to be given right after sending. */
  attach(exchange: Exchange): void {
    this.#exchange = exchange;
  }

  onConnected(): void {
    this.connected = true;
  }

  onHead(head: ResponseHead): void {
    this.#head = head;
    this.#headers = relayedHeaders(head.rawHeaders, this.#requestId);
    this.#events = head.status < 300 && this.#headers.contentType.startsWith('text/event-stream');
  }

  onBody(buffer: Buffer, start: number, end: number, chunks: ChunkRanges | undefined): void {
    const now = this.#hooks.now();
    if (this.streaming) {
      this.#hooks.onPiece(now);
      this.lastByteAt = now;
      this.#forward(buffer, start, end, chunks);
      return;
    }
    this.lastByteAt = now;
    if (this.#held === '') this.#hooks.onFirstByte(now, this.#events);
    this.#held += payloadText(buffer, start, end, chunks);
    if (this.#events) this.#tryFirstEvent();
    else if (this.#held.length > HOLD || !this.#mayHold()) this.#begin();
  }

  onEnd(): void {
    const head = this.#head!;
    if (!this.streaming) {
      if (this.#events) this.#finish({ type: 'failed', reason: 'incomplete_stream' });
      else this.#finish({ type: 'answered', answer: this.#answer(head, this.#held) });
      return;
    }
    // An event whose empty line never came; of a broken stream it is dropped, or the error event behind it could not be parsed.
    const rest = this.#splitter.rest();
    if (rest.length > 0) this.observer.observe(rest.toString('latin1'));
    if (this.#events && !this.observer.complete && !this.observer.failed) {
      this.#break('incomplete_stream');
      return;
    }
    if (rest.length > 0) this.#write(rest);
    this.#client.end();
    this.#finish({ type: 'streamed', status: head.status, observer: this.observer });
  }

  onError(error: UpstreamError): void {
    this.fail(error.reason);
  }

  /** Ends the attempt from outside: a time-out, a dead backend, the drain's end. */
  fail(reason: FailureReason): void {
    if (this.#settled) return;
    this.#exchange?.abort();
    if (this.streaming) this.#break(reason);
    else this.#finish({ type: 'failed', reason });
  }

  /** The client is gone: the engine must stop working for it at once. */
  leave(): void {
    if (this.#settled) return;
    this.#exchange?.abort();
    this.#finish({ type: 'left' });
  }

  #mayHold(): boolean {
    const head = this.#head!;
    if (head.status >= 400) return true;
    if (head.framing === 'length' && head.length > HOLD) return false;
    return head.framing === 'length' || this.#headers!.contentType.startsWith('application/json');
  }

  #tryFirstEvent(): void {
    const held = this.#held;
    const boundary = held.lastIndexOf('\n\n');
    if (boundary < 0 && held.lastIndexOf('\r\n\r\n') < 0 && held.length <= HOLD) return;
    const error = firstEventError(held);
    if (error === undefined) {
      this.#begin();
      return;
    }
    this.#exchange?.abort();
    const status = typeof error.code === 'number' && error.code >= 400 && error.code < 600 ? error.code : 500;
    const headers = relayedHeaders(['content-type', 'application/json'], this.#requestId);
    const body = Buffer.from(JSON.stringify({ error })).toString('latin1');
    this.#finish({
      type: 'answered',
      answer: { status, headers, body, usage: undefined, retryAfter: undefined, inStream: true, aborted: false },
    });
  }

  #begin(): void {
    const head = this.#head!;
    const first = Buffer.from(this.#held, 'latin1');
    this.streaming = true;
    this.#hooks.onBegin();
    this.#held = '';
    // A stream may have to end with an event of ours, for which a length has no room: behind it stands the next response.
    const length = head.framing === 'length' && !this.#events ? head.length : -1;
    this.#client.begin(head.status, this.#headers!, length);
    if (this.#events) this.#writeEvents(first);
    else this.#write(first);
    this.#throttle();
  }

  #forward(buffer: Buffer, start: number, end: number, chunks: ChunkRanges | undefined): void {
    const passable = chunks?.whole === true && this.#client.framed && this.#splitter.empty;
    if (passable && (!this.#events || endsEvent(buffer, chunks.offsets[chunks.count - 1]!))) {
      // A latin1 text is the bytes again, and for a few hundred of them cheaper to make, search and write than a buffer.
      const framed = buffer.toString('latin1', start, end);
      if (this.#events) this.observer.observe(framed);
      this.bytes += framed.length;
      this.#client.writeFramed(framed);
    } else {
      for (const piece of payloads(buffer, start, end, chunks)) {
        if (this.#events) this.#writeEvents(piece);
        else this.#write(piece);
      }
    }
    this.#throttle();
  }

  /** Only whole events go out, so that an error event that must follow stands on its own. */
  #writeEvents(piece: Buffer): void {
    const whole = this.#splitter.push(piece);
    if (whole === undefined) return;
    this.observer.observe(whole.toString('latin1'));
    this.#write(whole);
  }

  #write(payload: Buffer): void {
    this.bytes += payload.length;
    this.#client.write(payload);
  }

  /** Back-pressure: what a slow client has not read stays at the engine. */
  #throttle(): void {
    if (!this.#client.behind) return;
    if (this.paused) return;
    this.paused = true;
    this.#exchange?.pause();
    this.#client.onceDrained(() => {
      this.paused = false;
      this.lastByteAt = this.#hooks.now();
      this.#exchange?.resume();
    });
  }

  #break(reason: FailureReason): void {
    // An engine's own error event has told the client already.
    const tell = this.#events && !this.observer.failed;
    this.#client.cut(tell ? brokenStreamEvent(this.#kind, reason) : undefined);
    this.#finish({ type: 'broken', reason, status: this.#head!.status });
  }

  #answer(head: ResponseHead, body: string): HeldAnswer {
    const end = head.status < 300 ? readAnswerEnd(body) : NO_END;
    const retryAfter = headerValue(head.rawHeaders, 'retry-after');
    return { status: head.status, headers: this.#headers!, body, retryAfter, inStream: false, ...end };
  }

  #finish(result: AttemptResult): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#settle(result);
  }
}
