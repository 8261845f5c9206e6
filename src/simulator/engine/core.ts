import { PrefixCache } from './cache.ts';
import { blockKeys, extendKeys, type Prompt, tailOf } from './prompt.ts';

/** Told what becomes of a sequence; nothing is called after `ended` or `cancel`. */
export interface SequenceSink {
  /** Token `n`, from 0. */
  token(sequence: Sequence, n: number): void;
  ended(sequence: Sequence): void;
}

/** One choice of one prompt: what vLLM calls a request. */
export class Sequence {
  readonly prompt: Prompt;
  /** Tokens to generate; 0 ends with the prefill (embeddings). */
  readonly limit: number;
  readonly index: number;
  readonly sink: SequenceSink;
  readonly arrived: number;
  /** The prompt's KV came from another engine: nothing to compute. */
  readonly remote: boolean;
  generated = 0;
  cached = 0;
  started = 0;
  firstToken = 0;
  lastToken = 0;
  state: 'new' | 'waiting' | 'prefill' | 'decode' | 'done' = 'new';
  /** Place in the running list. */
  slot = -1;
  /** Of the prompt's whole blocks, once admitted. */
  keys: readonly number[] = [];
  /** The text when it ended: the next turn of a chat finds it in the cache. */
  answer: (() => string) | undefined;

  constructor(prompt: Prompt, limit: number, index: number, sink: SequenceSink, remote = false) {
    this.prompt = prompt;
    this.limit = limit;
    this.index = index;
    this.sink = sink;
    this.remote = remote;
    this.arrived = performance.now();
  }
}

export interface CoreSettings {
  readonly maxNumSeqs: number;
  readonly prefillRate: number;
  readonly decodeRate: number;
  readonly speed: number;
  readonly cacheBlocks: number;
  readonly blockSize: number;
}

export interface CoreObserver {
  admitted?(sequence: Sequence): void;
  stepped?(tokens: number): void;
  finished?(sequence: Sequence): void;
  /** Running or waiting changed. */
  changed?(): void;
}

/** A step that is this late is not made up for: the machine is too slow, not the engine. */
const MAX_LAG_MS = 250;

/**
 * The scheduler: prompts are computed one after the other (uncached tokens ÷ rate), up to `maxNumSeqs` sequences decode
 * in one shared step, the rest waits in order of arrival.
 */
export class Core {
  readonly cache: PrefixCache;
  private readonly settings: CoreSettings;
  private readonly observer: CoreObserver;
  private readonly queue: Sequence[] = [];
  private readonly decoding: Sequence[] = [];
  private readonly stepMs: number;
  private current: Sequence | undefined;
  private currentDone = 0;
  private prefillTimer: NodeJS.Timeout | undefined;
  private stepTimer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  private nextStep = 0;
  private heldBlocks = 0;
  private halted = false;

  constructor(settings: CoreSettings, observer: CoreObserver = {}) {
    this.settings = settings;
    this.observer = observer;
    this.cache = new PrefixCache(settings.cacheBlocks);
    this.stepMs = 1000 / (settings.decodeRate * settings.speed);
  }

  get running(): number {
    return this.decoding.length + (this.current ? 1 : 0);
  }

  get waiting(): number {
    return this.queue.length;
  }

  /** 0..1, blocks of the running sequences. */
  get kvUsage(): number {
    if (this.settings.cacheBlocks === 0) return 0;
    let blocks = this.heldBlocks;
    for (const { generated } of this.decoding) blocks += generated / this.settings.blockSize;
    return Math.min(1, blocks / this.settings.cacheBlocks);
  }

  submit(sequence: Sequence): void {
    sequence.state = 'waiting';
    this.queue.push(sequence);
    this.pump(performance.now());
    this.observer.changed?.();
  }

  /** Frees the sequence's place at once. */
  cancel(sequence: Sequence): void {
    if (sequence.state === 'done' || sequence.state === 'new') {
      sequence.state = 'done';
      return;
    }
    this.release(sequence);
    this.pump(performance.now());
    this.observer.changed?.();
  }

  /** Nothing is computed until `resume`; what waits keeps waiting. */
  halt(): void {
    this.halted = true;
    clearTimeout(this.prefillTimer);
    this.stopSteps();
    this.prefillTimer = undefined;
  }

  resume(): void {
    if (!this.halted) return;
    this.halted = false;
    const now = performance.now();
    if (this.current) this.currentDone = now + this.prefillMs(this.current);
    this.pump(now);
    this.scheduleStep(now + this.stepMs);
  }

  private prefillMs(sequence: Sequence): number {
    if (sequence.remote) return 0;
    const tokens = sequence.prompt.tokens - sequence.cached;
    return (tokens * 1000) / (this.settings.prefillRate * this.settings.speed);
  }

  private blocksOf(sequence: Sequence): number {
    return Math.ceil(sequence.prompt.tokens / this.settings.blockSize);
  }

  /** Finishes prefills that are due and starts the next ones, each where the last one ended. */
  private pump(now: number): void {
    if (this.halted) return;
    let free = now;
    for (;;) {
      const current = this.current;
      if (current) {
        // Half a millisecond: a timer cannot tell it from now, and many short prompts would each cost a whole one.
        if (this.currentDone > now + 0.5) break;
        free = this.currentDone;
        this.current = undefined;
        this.prefilled(current, now);
        continue;
      }
      const next = this.admit(now);
      if (!next) break;
      this.current = next;
      this.currentDone = Math.max(free, next.arrived) + this.prefillMs(next);
    }
    clearTimeout(this.prefillTimer);
    this.prefillTimer = this.current
      ? setTimeout(() => this.pump(performance.now()), this.currentDone - now)
      : undefined;
  }

  private admit(now: number): Sequence | undefined {
    const next = this.queue[0];
    if (!next || this.decoding.length >= this.settings.maxNumSeqs) return undefined;
    const { cacheBlocks, blockSize } = this.settings;
    const blocks = this.blocksOf(next);
    if (cacheBlocks > 0 && this.heldBlocks > 0 && this.heldBlocks + blocks > cacheBlocks) return undefined;
    this.queue.shift();
    if (cacheBlocks > 0) {
      const keys = blockKeys(next.prompt.bytes, next.prompt.salt, blockSize);
      // The last token is always computed: its logits are needed.
      const most = Math.floor((next.prompt.tokens - 1) / blockSize);
      next.cached = this.cache.match(keys, most) * blockSize;
      this.cache.insert(keys);
      next.keys = keys;
    }
    this.heldBlocks += blocks;
    next.state = 'prefill';
    next.started = now;
    this.observer.admitted?.(next);
    return next;
  }

  private prefilled(sequence: Sequence, now: number): void {
    sequence.state = 'decode';
    sequence.slot = this.decoding.length;
    this.decoding.push(sequence);
    if (sequence.limit === 0) this.finish(sequence);
    else {
      this.emit(sequence, now);
      this.scheduleStep(now + this.stepMs);
    }
  }

  private emit(sequence: Sequence, now: number): void {
    const n = sequence.generated++;
    if (n === 0) sequence.firstToken = now;
    sequence.lastToken = now;
    sequence.sink.token(sequence, n);
    if (sequence.generated >= sequence.limit && sequence.state === 'decode') this.finish(sequence);
  }

  private finish(sequence: Sequence): void {
    this.release(sequence);
    if (sequence.answer && this.settings.cacheBlocks > 0) this.keepAnswer(sequence, sequence.answer());
    this.observer.finished?.(sequence);
    sequence.sink.ended(sequence);
    this.observer.changed?.();
  }

  private keepAnswer({ prompt, keys }: Sequence, text: string): void {
    const { blockSize } = this.settings;
    const bytes = Buffer.concat([tailOf(prompt.bytes, blockSize), Buffer.from(text)]);
    this.cache.insert(extendKeys(keys, bytes, prompt.salt, blockSize));
  }

  private release(sequence: Sequence): void {
    if (sequence.state === 'waiting') {
      const at = this.queue.indexOf(sequence);
      if (at >= 0) this.queue.splice(at, 1);
    } else {
      this.heldBlocks -= this.blocksOf(sequence);
      if (sequence === this.current) this.current = undefined;
      else if (sequence.slot >= 0) {
        const last = this.decoding.pop()!;
        if (last !== sequence) {
          this.decoding[sequence.slot] = last;
          last.slot = sequence.slot;
        }
      }
    }
    sequence.slot = -1;
    sequence.state = 'done';
  }

  private scheduleStep(at: number): void {
    if (this.stepTimer || this.halted || this.decoding.length === 0) return;
    this.nextStep = at;
    const wait = at - performance.now();
    const step = () => {
      this.stepTimer = undefined;
      this.step();
    };
    // A fast engine's steps come closer than timers can count.
    this.stepTimer = wait < 0.5 ? setImmediate(step) : setTimeout(step, wait);
  }

  private stopSteps(): void {
    clearTimeout(this.stepTimer as NodeJS.Timeout);
    clearImmediate(this.stepTimer as NodeJS.Immediate);
    this.stepTimer = undefined;
  }

  private step(): void {
    const now = performance.now();
    const tokens = this.decoding.length;
    for (let i = 0; i < this.decoding.length; ) {
      const sequence = this.decoding[i]!;
      this.emit(sequence, now);
      // A finished sequence's slot has gone to the last one, whose turn it is now.
      if (this.decoding[i] === sequence) i++;
    }
    this.observer.stepped?.(tokens);
    if (this.queue.length > 0) this.pump(now);
    this.scheduleStep(now - this.nextStep > MAX_LAG_MS ? now + this.stepMs : this.nextStep + this.stepMs);
  }
}
