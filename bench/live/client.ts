import { Agent, request as httpRequest } from 'node:http';

/** A request that is due `at` ms after the run began. */
export interface Due {
  readonly at: number;
  body(): Buffer;
}

/** What became of a request; ms from when it was due, NaN when it never happened. */
export interface Answer {
  ttft: number;
  endToEnd: number;
  promptTokens: number;
  cachedTokens: number;
  /** 200 and ended by `[DONE]`. */
  ok: boolean;
  error: string | undefined;
}

export interface OpenLoop {
  readonly answers: readonly Answer[];
  /** How late requests were sent, ms: what this client, not the router, adds to every figure. */
  readonly lateness: Float64Array;
}

/** More than the end of a stream takes: the event with usage, and `[DONE]`. */
const TAIL_LENGTH = 2048;

/**
 * Sends each request when it is due, whether the earlier ones were answered or not, and measures from when it was due:
 * a slow router or client cannot hide behind requests that were never sent.
 */
export async function openLoop(url: string, due: readonly Due[]): Promise<OpenLoop> {
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, maxFreeSockets: 4096 });
  const lateness = new Float64Array(due.length);
  const pending: Promise<Answer>[] = [];
  const began = performance.now();
  await new Promise<void>((resolve) => {
    const send = () => {
      for (;;) {
        const next = due[pending.length];
        if (next === undefined) return resolve();
        const wait = began + next.at - performance.now();
        if (wait > 0.5) return void setTimeout(send, wait);
        const body = next.body();
        lateness[pending.length] = Math.max(0, performance.now() - began - next.at);
        pending.push(exchange(url, agent, body, began + next.at));
      }
    };
    send();
  });
  const answers = await Promise.all(pending);
  agent.destroy();
  return { answers, lateness };
}

function exchange(url: string, agent: Agent, body: Buffer, due: number): Promise<Answer> {
  return new Promise((resolve) => {
    const answer: Answer = {
      ttft: Number.NaN,
      endToEnd: Number.NaN,
      promptTokens: 0,
      cachedTokens: 0,
      ok: false,
      error: undefined,
    };
    const fail = (error: Error) => {
      answer.error ??= error.message;
      resolve(answer);
    };
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const request = httpRequest(`${url}/v1/chat/completions`, { method: 'POST', agent, headers }, (response) => {
      let tail = '';
      response.setEncoding('latin1');
      response.on('data', (chunk: string) => {
        if (tail === '') answer.ttft = performance.now() - due;
        tail = (tail + chunk).slice(-TAIL_LENGTH);
      });
      response.on('error', fail);
      response.on('end', () => {
        answer.endToEnd = performance.now() - due;
        answer.ok = response.statusCode === 200 && tail.includes('data: [DONE]');
        if (!answer.ok) answer.error = `${response.statusCode} ${tail.slice(0, 200)}`;
        answer.promptTokens = numberAfter(tail, '"prompt_tokens":');
        answer.cachedTokens = numberAfter(tail, '"cached_tokens":');
        resolve(answer);
      });
    });
    request.on('error', fail);
    request.end(body);
  });
}

function numberAfter(text: string, key: string): number {
  const at = text.lastIndexOf(key);
  return at < 0 ? 0 : Number.parseInt(text.slice(at + key.length), 10) || 0;
}
