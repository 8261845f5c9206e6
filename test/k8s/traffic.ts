import { Agent, request } from 'node:http';

/** Requests at a steady rate, whatever becomes of them; half of them stream. */
export class Traffic {
  readonly failures: string[] = [];
  answered = 0;
  /** Answers by the engine's own name for itself. */
  readonly #url: string;
  readonly #model: string;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #open = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #waiting: (() => void)[] = [];
  #count = 0;

  /** `every` ms a request, of `tokens` tokens. */
  constructor(url: string, model: string, { every = 10, tokens = 16 } = {}) {
    this.#url = url;
    this.#model = model;
    this.#timer = setInterval(() => {
      const one = this.#send(this.#count++ % 2 === 0, tokens).finally(() => this.#open.delete(one));
      this.#open.add(one);
    }, every);
  }

  /** Resolves after `count` more answers. */
  async answers(count: number): Promise<void> {
    const until = this.answered + this.failures.length + count;
    while (this.answered + this.failures.length < until) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Sends nothing more and waits for what is open. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    this.#agent.destroy();
  }

  async #send(stream: boolean, tokens: number): Promise<void> {
    const body = JSON.stringify({
      model: this.#model,
      stream,
      max_tokens: tokens,
      messages: [{ role: 'user', content: `question ${this.#count}` }],
    });
    try {
      const { status, text } = await this.#post(body);
      if (status !== 200) throw new Error(`${status} ${text.slice(0, 200)}`);
      const whole = stream ? /"finish_reason":"\w+"[\s\S]*data: \[DONE\]\s*$/ : /"finish_reason":"\w+"/;
      if (!whole.test(text)) throw new Error(`not whole: …${text.slice(-200)}`);
      this.answered++;
    } catch (error) {
      this.failures.push(`${stream ? 'stream' : 'plain'}: ${(error as Error).message}`);
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #post(body: string): Promise<{ status: number; text: string }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const options = { method: 'POST', agent: this.#agent, headers };
    const call = request(`${this.#url}/v1/chat/completions`, options, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode!, text }));
      answer.on('error', reject);
    });
    call.on('error', reject);
    call.end(body);
    return promise;
  }
}
