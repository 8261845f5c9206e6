import { type RawRequest, rawRequest } from '../fakes/raw-client.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect.
  readonly json: any;
  readonly text: string;
}

/** One request on a connection of its own, with `Connection: close` so that nothing of it lasts. */
export async function ask(url: string, path: string, request: RawRequest = {}): Promise<Answer> {
  const response = await rawRequest(url, { path, ...request });
  const text = response.body.toString();
  return {
    status: response.status,
    headers: response.headers,
    text,
    get json() {
      return JSON.parse(text);
    },
  };
}

/** Waits for an answer that satisfies `condition`; what is waited for is another process's timer. */
export async function until(ask: () => Promise<Answer>, condition: (answer: Answer) => boolean): Promise<Answer> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const answer = await ask();
    if (condition(answer)) return answer;
    if (performance.now() > deadline) throw new Error(`still ${answer.status} ${answer.text.slice(0, 500)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
