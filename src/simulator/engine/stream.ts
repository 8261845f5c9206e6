import { BUSY, CORE_DIED, type Exchange } from './exchange.ts';
import type { RequestFault } from './faults.ts';

/** Frames one SSE event as one HTTP chunk. */
export function frameOf(data: string, event?: string): string {
  const text = event === undefined ? `data: ${data}\n\n` : `event: ${event}\ndata: ${data}\n\n`;
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

const DONE = frameOf('[DONE]');
const LAST_CHUNK = '0\r\n\r\n';

/** As Python's json.dumps writes it: vLLM makes these events by another way than all others. */
export function errorFrame(message: string, type: string, code: number): string {
  const text = JSON.stringify(message);
  return frameOf(`{"error": {"message": ${text}, "type": ${JSON.stringify(type)}, "param": null, "code": ${code}}}`);
}

/** What an error is in the streams of one API. */
export type ErrorEvents = (
  message: string,
  type: string,
  code: number,
) => { readonly frame: string; readonly done: boolean };

export const openAiErrors: ErrorEvents = (message, type, code) => ({
  frame: errorFrame(message, type, code),
  done: true,
});

/** The answer to a streaming request: one write an event, and the place where streams are made to fail. */
export class EventStream {
  private readonly exchange: Exchange;
  private readonly errors: ErrorEvents;
  private readonly encoding: BufferEncoding;
  private readonly fault: RequestFault | undefined;
  private readonly faultAt: number;
  private events = 0;

  /** `ascii` promises that frames hold no other characters, which makes writing them cheaper. */
  constructor(exchange: Exchange, errors: ErrorEvents, ascii: boolean) {
    this.exchange = exchange;
    this.errors = errors;
    this.encoding = ascii ? 'latin1' : 'utf8';
    this.fault = exchange.fault;
    const at = this.fault && 'at' in this.fault && this.fault.kind !== 'abort' ? this.fault.at : undefined;
    this.faultAt = typeof at === 'number' ? at : -1;
  }

  /** Sends the head, as vLLM does before anything is scheduled. False: a fault has ended the answer. */
  open(): boolean {
    const { exchange, fault } = this;
    exchange.record.stream = true;
    exchange.head(200, { type: 'text/event-stream; charset=utf-8' });
    exchange.onCrash = () => this.crash();
    if (!fault) return true;
    if (fault.kind === 'error-event') {
      const busy = fault.status === 503;
      this.fail(busy ? BUSY : CORE_DIED, busy ? 'Service Unavailable' : 'InternalServerError', fault.status);
      return false;
    }
    if (!('at' in fault) || fault.at !== 'headers' || fault.kind === 'slow') return true;
    this.strike(fault);
    return false;
  }

  get blocked(): boolean {
    return this.exchange.res.socket?.writableNeedDrain === true;
  }

  send(frame: string): void {
    const { exchange } = this;
    if (exchange.closed) return;
    if (this.events === this.faultAt) {
      this.strike(this.fault!);
      return;
    }
    this.events++;
    exchange.write(frame, this.encoding);
  }

  /** Ends the stream as a sound one ends: `[DONE]` and the last chunk are writes of their own. */
  end(done: boolean): void {
    const { exchange } = this;
    if (exchange.closed || exchange.record.outcome === 'silent') return;
    exchange.finish('completed');
    this.close(done && this.fault?.kind !== 'no-done');
  }

  /** An error event, then the end. */
  fail(message: string, type: string, code: number): void {
    const { exchange } = this;
    if (exchange.closed) return;
    const { frame, done } = this.errors(message, type, code);
    exchange.write(frame);
    exchange.onAbort?.();
    exchange.finish('failed');
    this.close(done);
  }

  private crash(): void {
    const { socket } = this.exchange.req;
    this.fail(CORE_DIED, 'InternalServerError', 500);
    socket.destroySoon();
  }

  private strike(fault: RequestFault): void {
    const { exchange } = this;
    if (fault.kind === 'cut') exchange.cut(fault.how);
    else if (fault.kind === 'silence') this.mute();
    else if (fault.kind === 'crash') this.crash();
    else if (fault.kind === 'no-done') {
      exchange.onAbort?.();
      exchange.finish('failed');
      this.close(false);
    }
  }

  private close(done: boolean): void {
    const { exchange } = this;
    if (done) exchange.write(DONE, 'latin1');
    exchange.write(LAST_CHUNK, 'latin1');
    exchange.res.end();
  }

  private mute(): void {
    this.exchange.silence();
    this.exchange.onCrash = undefined;
  }
}
