import { Sequence, type SequenceSink } from './core.ts';
import { BUSY, type Exchange } from './exchange.ts';
import type { Output } from './output.ts';
import type { Prompt } from './prompt.ts';
import { type ErrorEvents, EventStream } from './stream.ts';

/** One choice that is to be generated. */
export interface Choice {
  readonly prompt: Prompt;
  readonly output: Output;
}

/** Writes the answer in the form of one API. */
export interface AnswerFormat {
  readonly errors: ErrorEvents;
  /** An error instead of an answer. */
  refuse(exchange: Exchange, status: number, message: string, type: string): void;
  /** Before the first token of a choice. */
  start(stream: EventStream, index: number): void;
  /** One event: `json` is the text's inside of a JSON string, `bytes` its UTF-8 length. `last` is the choice's last. */
  delta(stream: EventStream, index: number, json: string, bytes: number, n: number, last: boolean): void;
  /** After the last token of all; true where `[DONE]` follows. */
  complete(stream: EventStream): boolean;
  /** The whole answer of a request that does not stream. */
  whole(): unknown;
}

/** One request's way through the engine: headers, admission, sequences, answer. */
export class Generation implements SequenceSink {
  readonly sequences: Sequence[] = [];
  private readonly exchange: Exchange;
  private readonly choices: readonly Choice[];
  private readonly format: AnswerFormat;
  private readonly stream: EventStream | undefined;
  /** Text that could not be sent yet because the client reads slowly: it joins the next event, as in vLLM. */
  private readonly held: { json: string; bytes: number }[] = [];
  private left: number;

  constructor(exchange: Exchange, choices: readonly Choice[], format: AnswerFormat, stream: boolean, remote = false) {
    this.exchange = exchange;
    this.choices = choices;
    this.format = format;
    this.left = choices.length;
    const ascii = exchange.host.settings.text === 'ascii';
    this.stream = stream ? new EventStream(exchange, format.errors, ascii) : undefined;
    for (const [index, { prompt, output }] of choices.entries()) {
      const sequence = new Sequence(prompt, output.limit, index, this, remote);
      sequence.answer = output.text;
      this.sequences.push(sequence);
    }
  }

  get cachedTokens(): number {
    return this.sequences[0]?.cached ?? 0;
  }

  get generated(): number {
    let tokens = 0;
    for (const sequence of this.sequences) tokens += sequence.generated;
    return tokens;
  }

  run(): void {
    const { exchange } = this;
    const { host } = exchange;
    if (this.refused()) return;
    exchange.onCrash = () => {
      this.cancel();
      exchange.coreDied();
    };
    exchange.onAbort = () => this.cancel();
    // vLLM has the headers of a stream out some milliseconds before it schedules anything.
    const delay = host.settings.headerDelay / host.settings.speed;
    if (delay > 0) setTimeout(() => this.begin(), delay);
    else this.begin();
  }

  /** The admission limit as the API server checks it before it answers. */
  private refused(): boolean {
    const { host } = this.exchange;
    if (host.load + this.sequences.length <= host.settings.maxQueued) return false;
    host.metrics.rejected();
    this.format.refuse(this.exchange, 503, BUSY, 'Service Unavailable');
    return true;
  }

  private begin(): void {
    const { exchange, format } = this;
    const stream = this.stream;
    if (exchange.closed) return;
    if (stream && !stream.open()) return;
    const { fault, host } = exchange;
    if (fault?.kind === 'slow' && fault.at === 'headers') {
      exchange.fault = undefined;
      setTimeout(() => this.submit(), fault.ms);
      return;
    }
    // Others came between the check and here: with a stream it is too late for a status.
    if (host.load + this.sequences.length > host.settings.maxQueued) {
      host.metrics.rejected();
      if (stream) stream.fail(BUSY, 'Service Unavailable', 503);
      else format.refuse(exchange, 503, BUSY, 'Service Unavailable');
      return;
    }
    this.submit();
  }

  private submit(): void {
    if (this.exchange.closed) return;
    for (const sequence of this.sequences) this.exchange.host.core.submit(sequence);
  }

  token(sequence: Sequence, n: number): void {
    const { exchange, stream } = this;
    exchange.record.tokens++;
    if (!stream || exchange.closed) return;
    const { index } = sequence;
    if (n === 0) this.format.start(stream, index);
    const word = this.choices[index]!.output.at(n);
    const last = n + 1 === sequence.limit;
    const held = this.held[index];
    if (!last && stream.blocked) {
      if (held) {
        held.json += word.json;
        held.bytes += word.bytes;
      } else this.held[index] = { json: word.json, bytes: word.bytes };
      return;
    }
    if (held?.bytes) {
      this.format.delta(stream, index, held.json + word.json, held.bytes + word.bytes, n, last);
      this.held[index] = { json: '', bytes: 0 };
    } else this.format.delta(stream, index, word.json, word.bytes, n, last);
  }

  ended(): void {
    this.left--;
    if (this.left > 0 || this.exchange.closed) return;
    const { stream, exchange, format } = this;
    if (!stream) exchange.json(200, format.whole());
    else stream.end(format.complete(stream));
  }

  private cancel(): void {
    for (const sequence of this.sequences) this.exchange.host.core.cancel(sequence);
  }
}
