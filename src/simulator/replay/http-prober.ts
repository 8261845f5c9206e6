import type { DecodeProbe, PrefillProbe, Prober } from './calibrate.ts';

/** A probe that gets no answer in this time is none, ms. */
const PATIENCE = 120_000;

interface Answer {
  /** ms from the request to the first and to the last token. */
  readonly first: number;
  readonly last: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** Probes an OpenAI-compatible server by streamed completions. `model` absent: the first one it lists. */
export async function httpProber(url: string, options: { model?: string; apiKey?: string } = {}): Promise<Prober> {
  const headers = {
    'content-type': 'application/json',
    ...(options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` }),
  };
  const model = options.model ?? (await firstModel(url, headers));
  const ask = (prompt: string, tokens: number) => complete(url, headers, model, prompt, tokens);
  // How long a probe's words are in tokens, so that a prompt comes out about as long as it is meant to.
  const { promptTokens } = await ask(words(100), 1);
  const perWord = Math.max(0.25, promptTokens / 100);
  return {
    async prefill(tokens): Promise<PrefillProbe> {
      const answer = await ask(words(Math.round(tokens / perWord)), 1);
      return { promptTokens: answer.promptTokens, ttft: answer.first };
    },
    async decode(sequences, tokens): Promise<DecodeProbe> {
      const answers = await Promise.all(Array.from({ length: sequences }, () => ask(words(8), tokens)));
      const times = answers.map(
        ({ first, last, completionTokens }) => (last - first) / Math.max(1, completionTokens - 1),
      );
      return { sequences, perToken: times.reduce((sum, time) => sum + time, 0) / times.length };
    },
  };
}

async function firstModel(url: string, headers: Record<string, string>): Promise<string> {
  const response = await fetch(`${url}/v1/models`, { headers, signal: AbortSignal.timeout(PATIENCE) });
  const listed = (await response.json()) as { data?: { id?: string }[] };
  const id = listed.data?.[0]?.id;
  if (id === undefined) throw new Error(`${url} lists no model`);
  return id;
}

async function complete(
  url: string,
  headers: Record<string, string>,
  model: string,
  prompt: string,
  tokens: number,
): Promise<Answer> {
  const body = JSON.stringify({
    model,
    prompt,
    max_tokens: tokens,
    min_tokens: tokens,
    ignore_eos: true,
    stream: true,
    stream_options: { include_usage: true },
  });
  const began = performance.now();
  const signal = AbortSignal.timeout(PATIENCE);
  const response = await fetch(`${url}/v1/completions`, { method: 'POST', headers, body, signal });
  if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`);
  let first = Number.NaN;
  let last = Number.NaN;
  let usage: { prompt_tokens: number; completion_tokens: number } | undefined;
  let rest = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const now = performance.now() - began;
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      if (!line.startsWith('data: {')) continue;
      const event = JSON.parse(line.slice(6)) as { choices?: unknown[]; usage?: typeof usage };
      if (event.usage) usage = event.usage;
      if (!event.choices || event.choices.length === 0) continue;
      if (Number.isNaN(first)) first = now;
      last = now;
    }
  }
  if (usage === undefined || Number.isNaN(first)) throw new Error(`${url} streams no tokens or no usage`);
  return { first, last, promptTokens: usage.prompt_tokens, completionTokens: usage.completion_tokens };
}

/** Random words: no prompt begins like another, so nothing comes from a cache. */
function words(count: number): string {
  return Array.from({ length: count }, () => Math.random().toString(36).slice(2, 7)).join(' ');
}
