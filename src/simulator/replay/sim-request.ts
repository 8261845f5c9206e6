import type { IncomingHttpHeaders } from 'node:http';
import type { PickRequest } from '../../algorithms/algorithm.ts';
import { seededRandom } from './random.ts';

/** Bytes of prompt text a token stands for: English text under common tokenizers. */
export const BYTES_PER_TOKEN = 4;

/** What a trace or a workload says of one request. */
export interface Arrival {
  /** ms since the run began. */
  readonly at: number;
  /** One id per block of the prompt; equal ids mean equal prompts up to and including that block. */
  readonly blocks: Int32Array;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly session: string;
}

const NO_HEADERS: IncomingHttpHeaders = {};

/**
 * An arrival as the router's algorithms see requests: its prompt is made up when it is read, so that two prompts share
 * bytes exactly as far as their block ids agree. All bodies share one buffer: read it before the next request does.
 */
export class SimRequest implements PickRequest {
  readonly model = 'model';
  readonly arrival: Arrival;
  readonly index: number;
  readonly blockTokens: number;
  readonly #text: PromptText;

  constructor(arrival: Arrival, index: number, blockTokens: number, text: PromptText) {
    this.arrival = arrival;
    this.index = index;
    this.blockTokens = blockTokens;
    this.#text = text;
  }

  get headers(): IncomingHttpHeaders {
    return NO_HEADERS;
  }

  get body(): Buffer {
    return this.#text.write(this.arrival, this.blockTokens);
  }

  bodyField(name: string): string | undefined {
    return name === 'user' ? this.arrival.session : undefined;
  }

  promptRange(): readonly [number, number] {
    return [0, this.#text.length(this.arrival)];
  }
}

const NOISE_BYTES = 1 << 20;
const OPENING = Buffer.from('[{"role":"user","content":"');

/** Writes prompts: every block id stands for its own bytes. */
export class PromptText {
  readonly #noise: Buffer = makeNoise();
  #scratch: Buffer = Buffer.alloc(1 << 16);

  length(arrival: Arrival): number {
    return OPENING.length + arrival.promptTokens * BYTES_PER_TOKEN;
  }

  write(arrival: Arrival, blockTokens: number): Buffer {
    const total = this.length(arrival);
    if (this.#scratch.length < total + blockTokens * BYTES_PER_TOKEN) this.#scratch = Buffer.alloc(2 * total);
    const scratch = this.#scratch;
    let at = OPENING.copy(scratch);
    const size = blockTokens * BYTES_PER_TOKEN;
    for (const id of arrival.blocks) {
      const from = (Math.imul(id, 0x9e3779b1) >>> 0) % (NOISE_BYTES - size);
      this.#noise.copy(scratch, at, from, from + size);
      // The noise may repeat for two ids; the id itself never does.
      scratch.writeInt32LE(id, at);
      at += size;
    }
    return scratch.subarray(0, total);
  }
}

function makeNoise(): Buffer {
  const random = seededRandom(1);
  const noise = Buffer.alloc(NOISE_BYTES);
  for (let at = 0; at < NOISE_BYTES; at += 4) noise.writeUInt32LE((random() * 4294967296) >>> 0, at);
  return noise;
}
