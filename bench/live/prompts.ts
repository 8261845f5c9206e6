import { seededRandom } from '../../src/simulator/replay/random.ts';
import type { Arrival } from '../../src/simulator/replay/sim-request.ts';

/** What our simulated engines take for a token; a word of three letters and a blank is one for llm-d's too. */
const TOKEN_BYTES = 4;
const NOISE_WORDS = 1 << 18;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
/** Two words name any block below 2^31 in base 36. */
const ID_DIGITS = 6;

/** Bodies of chat requests whose prompts share text exactly as far as their arrivals' block ids agree. */
export class ChatBodies {
  readonly #noise: Buffer;
  readonly #blockBytes: number;
  readonly #model: string;

  constructor(model: string, blockTokens: number) {
    this.#model = model;
    this.#blockBytes = blockTokens * TOKEN_BYTES;
    const random = seededRandom(1);
    this.#noise = Buffer.alloc(NOISE_WORDS * TOKEN_BYTES, ' ');
    for (let at = 0; at < this.#noise.length; at++) {
      if (at % TOKEN_BYTES === TOKEN_BYTES - 1) continue;
      this.#noise[at] = LETTERS.charCodeAt(Math.floor(random() * LETTERS.length));
    }
  }

  /** A streamed request that asks for usage. `answerTokens` are what the engine shall generate. */
  body(arrival: Arrival, answerTokens: number): Buffer {
    const head = Buffer.from(`{"model":"${this.#model}","messages":[{"role":"user","content":"`);
    const tail = Buffer.from(
      `"}],"max_tokens":${answerTokens},"stream":true,"stream_options":{"include_usage":true},"user":"${arrival.session}"}`,
    );
    const size = this.#blockBytes;
    const body = Buffer.allocUnsafe(head.length + arrival.blocks.length * size + tail.length);
    let at = head.copy(body);
    for (const id of arrival.blocks) {
      const word = (Math.imul(id, 0x9e3779b1) >>> 0) % (NOISE_WORDS - size / TOKEN_BYTES);
      this.#noise.copy(body, at, word * TOKEN_BYTES, word * TOKEN_BYTES + size);
      // The noise may repeat for two ids; the id itself never does.
      const digits = id.toString(36).padStart(ID_DIGITS, '0');
      body.write(`${digits.slice(0, 3)} ${digits.slice(3)} `, at, 'latin1');
      at += size;
    }
    tail.copy(body, at);
    return body;
  }
}
