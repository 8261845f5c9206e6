import { write, writeSync } from 'node:fs';

/** Characters gathered before a write: each wakes a thread, which costs as much as some dozens of lines. */
const BATCH = 128 * 1024;
/** ms that a line may wait for others. */
const LATENCY = 250;
/** Characters kept for a reader of standard output that has stopped reading; what comes after is dropped and counted. */
const MAX_WAITING = 16 * 1024 * 1024;
/** ms that the end of the process gives such a reader, and between two attempts at a full non-blocking pipe. */
const PATIENCE = 1000;
const AGAIN = 20;

/**
 * Lines to a file descriptor, asynchronously and in batches. Not sonic-boom, pino's own: it measures its whole buffer anew
 * with every write (10 of 11 µs a line), and its flushSync never returns once the reader of a pipe is gone.
 */
export class LogSink {
  readonly #fd: number;
  readonly #flushAtExit = () => this.flushSync();
  #batch = '';
  #timer: NodeJS.Timeout | undefined;
  #waiting: string[] = [];
  #waitingSize = 0;
  /** Monotonic ms since when a write is under way. */
  #writing: number | undefined;
  #idle: (() => void) | undefined;
  #closed = false;
  #dropped = 0;

  constructor(fd: number) {
    this.#fd = fd;
    process.once('exit', this.#flushAtExit);
  }

  /** Characters thrown away because nobody read them, or the disk was full. */
  get dropped(): number {
    return this.#dropped;
  }

  /** `line` ends with a line break. */
  write(line: string): void {
    if (this.#closed) return;
    this.#batch += line;
    if (this.#batch.length >= BATCH) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), LATENCY).unref();
  }

  /** Starts writing what has been gathered. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#batch;
    this.#batch = '';
    if (batch === '') return;
    if (this.#waitingSize + batch.length > MAX_WAITING) {
      this.#dropped += batch.length;
      return;
    }
    this.#waiting.push(batch);
    this.#waitingSize += batch.length;
    if (this.#writing === undefined) this.#next();
  }

  #next(): void {
    if (this.#waitingSize === 0) {
      this.#writing = undefined;
      this.#idle?.();
      return;
    }
    this.#send(Buffer.from(this.#take()));
  }

  #take(): string {
    const text = this.#waiting.join('');
    this.#waiting = [];
    this.#waitingSize = 0;
    return text;
  }

  #send(bytes: Buffer): void {
    this.#writing = performance.now();
    write(this.#fd, bytes, (error, written) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.#send(bytes), AGAIN);
      } else if (error) {
        // The reader is gone or the disk is full: neither must end the router.
        this.#dropped += bytes.length;
        this.#next();
      } else if (written < bytes.length) {
        this.#send(bytes.subarray(written));
      } else {
        this.#next();
      }
    });
  }

  /** For the last moments of a process; a reader that has not read for a second gets no more. */
  flushSync(): void {
    const until = performance.now() + PATIENCE;
    if (this.#writing !== undefined && performance.now() - this.#writing > PATIENCE / 2) return;
    this.#waiting.push(this.#batch);
    this.#batch = '';
    let bytes = Buffer.from(this.#take());
    while (bytes.length > 0 && performance.now() < until) {
      try {
        bytes = bytes.subarray(writeSync(this.#fd, bytes));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, AGAIN);
      }
    }
  }

  /** Resolves when everything is written, or after a second; later lines are lost. The descriptor stays open. */
  async close(): Promise<void> {
    this.flush();
    this.#closed = true;
    process.off('exit', this.#flushAtExit);
    if (this.#writing === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, PATIENCE);
    this.#idle = resolve;
    await promise;
    clearTimeout(timer);
  }
}
