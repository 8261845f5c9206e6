/** A first guess for text, which the engines' `usage` corrects. */
const BYTES_PER_TOKEN = 4;
/** Tokens of usage that weigh as much as the first guess, and over which older usage fades. */
const MEMORY = 100_000;
/** A body with more bytes per token is mostly an image or a recording: it says nothing of text. */
const MOST_BYTES_PER_TOKEN = 32;
/** An image in base64 is a megabyte of body and a thousand tokens: no prompt counts for more than a long context. */
const MOST_TOKENS = 131_072;
const FIRST_MEAN = 1000;
const MEAN_STEP = 0.01;

/** What prompts cost in tokens, as far as the router can know without a tokenizer. */
export class TokenEstimate {
  #bytes = MEMORY * BYTES_PER_TOKEN;
  #tokens = MEMORY;
  #meanMiss = FIRST_MEAN;

  /** Tokens of each byte of a prompt of this length. */
  tokensPerByte(promptBytes: number): number {
    return Math.min(this.#tokens / this.#bytes, MOST_TOKENS / promptBytes);
  }

  /** Tokens that had to be computed of a prompt, averaged over the last hundred or so. */
  get meanMiss(): number {
    return this.#meanMiss;
  }

  /** The engine counted the prompt's tokens. */
  counted(promptBytes: number, promptTokens: number): void {
    if (promptTokens <= 0 || promptBytes > promptTokens * MOST_BYTES_PER_TOKEN) return;
    const keep = Math.max(0, 1 - promptTokens / MEMORY);
    this.#bytes = this.#bytes * keep + promptBytes;
    this.#tokens = this.#tokens * keep + promptTokens;
  }

  /** A prompt was sent of which so many tokens have to be computed. */
  sent(miss: number): void {
    this.#meanMiss += MEAN_STEP * (Math.max(1, miss) - this.#meanMiss);
  }
}
