/** What a test can ask about a request that an engine got. */
export interface RequestRecord {
  /** performance.now() of its arrival. */
  readonly at: number;
  readonly method: string;
  readonly url: string;
  /** Alternating names and values as they came. */
  readonly headers: readonly string[];
  /** As it came; undefined until it was read, and for older requests once many bytes are kept. */
  body: Buffer | undefined;
  model: string | undefined;
  stream: boolean;
  readonly requestId: string;
  status: number | undefined;
  /** Tokens generated for it. */
  tokens: number;
  /** `aborted`: the client left; `failed`: a fault ended it; `silent`: it hangs. */
  outcome: 'open' | 'completed' | 'aborted' | 'failed' | 'silent';
}

const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** The last requests, bounded in number and in bytes of bodies: load tests send millions. */
export class RequestLog {
  readonly records: RequestRecord[] = [];
  private readonly limit: number;
  private bytes = 0;
  /** Index of the oldest record that may still have its body. */
  private oldestBody = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  add(record: RequestRecord): void {
    this.records.push(record);
    // Dropped in halves: shifting one at a time would move the whole list for every request.
    if (this.records.length <= this.limit * 2) return;
    const dropped = this.records.splice(0, this.records.length - this.limit);
    for (const { body } of dropped) this.bytes -= body?.length ?? 0;
    this.oldestBody = Math.max(0, this.oldestBody - dropped.length);
  }

  keepBody(record: RequestRecord, body: Buffer): void {
    record.body = body;
    this.bytes += body.length;
    while (this.bytes > MAX_BODY_BYTES && this.oldestBody < this.records.length) {
      const old = this.records[this.oldestBody++]!;
      this.bytes -= old.body?.length ?? 0;
      old.body = undefined;
    }
  }
}
