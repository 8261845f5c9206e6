import type { Exchange } from './exchange.ts';
import { type AnswerFormat, type Choice, Generation } from './generation.ts';
import { handOver, isPrefilled } from './kv-transfer.ts';
import { completionLogprobs } from './logprobs.ts';
import { spokenOutput } from './output.ts';
import { badRequest, type Json, jsonBody, modelOf, numberOf, promptsOf, saltOf, tokenLimit } from './request.ts';
import { type EventStream, frameOf, openAiErrors } from './stream.ts';
import { FINGERPRINT, VOCABULARIES } from './text.ts';
import { usageOf } from './usage.ts';

/** `POST /v1/completions`: text or token ids, one prompt or a list, `n`, `echo`. */
export function completions(exchange: Exchange): void {
  const body = jsonBody(exchange, []);
  const model = modelOf(exchange, body);
  if (typeof body['suffix'] === 'string') {
    throw badRequest('suffix is only supported for models with FIM completion rendering', 'suffix');
  }
  const choices = choicesOf(exchange, body, saltOf(body, model));
  const format = new CompletionFormat(exchange, body, model.name, choices);
  const generation = new Generation(exchange, choices, format, body['stream'] === true, isPrefilled(body));
  format.generation = generation;
  generation.run();
}

function choicesOf(exchange: Exchange, body: Json, salt: string): Choice[] {
  const { host, fault } = exchange;
  const n = Math.max(1, numberOf(body['n'], 1));
  const seed = numberOf(body['seed'], 0);
  // With echo, no tokens at all are a valid wish: the engine computes one and does not show it.
  const onlyEcho = body['echo'] === true && body['max_tokens'] === 0;
  const choices: Choice[] = [];
  for (const prompt of promptsOf(body['prompt'], salt)) {
    const limit = onlyEcho ? 1 : tokenLimit(host, body, prompt, ['max_tokens']);
    for (let i = 0; i < n; i++) {
      const words = VOCABULARIES[host.settings.text];
      const tokens = fault?.kind === 'abort' ? Math.max(1, fault.at) : (limit ?? host.settings.outputTokens);
      const finish = fault?.kind === 'abort' ? 'abort' : limit === undefined ? 'stop' : 'length';
      choices.push({ prompt, output: spokenOutput(words, prompt.key, seed, choices.length, tokens, finish) });
    }
  }
  return choices;
}

class CompletionFormat implements AnswerFormat {
  readonly errors = openAiErrors;
  generation!: Generation;
  private readonly choices: readonly Choice[];
  private readonly body: Json;
  private readonly model: string;
  private readonly id: string;
  private readonly created = Math.floor(Date.now() / 1000);
  private readonly includeUsage: boolean;
  private readonly echo: boolean;
  private readonly onlyEcho: boolean;
  private readonly opening: string;

  constructor(exchange: Exchange, body: Json, model: string, choices: readonly Choice[]) {
    this.choices = choices;
    this.body = body;
    this.model = model;
    this.id = `cmpl-${exchange.bodyId}`;
    this.includeUsage = (body['stream_options'] as Json | undefined)?.['include_usage'] === true;
    this.echo = body['echo'] === true;
    this.onlyEcho = this.echo && body['max_tokens'] === 0;
    this.opening =
      `{"id":${JSON.stringify(this.id)},"object":"text_completion","created":${this.created},` +
      `"model":${JSON.stringify(model)},"choices":[`;
  }

  refuse(exchange: Exchange, status: number, message: string, type: string): void {
    exchange.error(status, message, type);
  }

  start(stream: EventStream, index: number): void {
    if (!this.echo || this.onlyEcho) return;
    const text = JSON.stringify(this.choices[index]!.prompt.bytes.toString());
    stream.send(frameOf(this.event(index, text, 'null', undefined)));
  }

  delta(stream: EventStream, index: number, json: string, _bytes: number, n: number, last: boolean): void {
    const { output, prompt } = this.choices[index]!;
    const text = this.onlyEcho ? JSON.stringify(prompt.bytes.toString()) : `"${json}"`;
    const logprobs =
      typeof this.body['logprobs'] === 'number'
        ? JSON.stringify(completionLogprobs([output.at(n)], n * 4, this.body['logprobs']))
        : 'null';
    stream.send(frameOf(this.event(index, text, logprobs, last ? output.finish : undefined)));
  }

  complete(stream: EventStream): boolean {
    if (this.includeUsage) {
      const { prompt, completion, cached } = usageOf(this.generation);
      const usage = {
        prompt_tokens: prompt,
        total_tokens: prompt + completion,
        completion_tokens: completion,
        prompt_tokens_details: { cached_tokens: cached },
      };
      stream.send(frameOf(`${this.opening}],"usage":${JSON.stringify(usage)},"system_fingerprint":"${FINGERPRINT}"}`));
    }
    return true;
  }

  whole(): unknown {
    const { prompt, completion, cached } = usageOf(this.generation);
    return {
      id: this.id,
      object: 'text_completion',
      created: this.created,
      model: this.model,
      choices: this.choices.map((choice, index) => this.choice(choice, index)),
      service_tier: null,
      system_fingerprint: FINGERPRINT,
      usage: {
        prompt_tokens: prompt,
        total_tokens: prompt + completion,
        completion_tokens: completion,
        prompt_tokens_details: { cached_tokens: cached, created_cache_tokens: null, multimodal_tokens: null },
        completion_tokens_details: null,
      },
      kv_transfer_params: handOver(this.body, this.id),
      ec_transfer_params: null,
      metrics: null,
    };
  }

  private choice({ prompt, output }: Choice, index: number): unknown {
    const echoed = this.echo ? prompt.bytes.toString() : '';
    const words = Array.from({ length: output.limit }, (_, n) => output.at(n));
    const top = this.body['logprobs'];
    return {
      index,
      text: echoed + (this.onlyEcho ? '' : output.text()),
      logprobs: typeof top === 'number' ? completionLogprobs(words, echoed.length, top) : null,
      finish_reason: output.finish,
      stop_reason: null,
      token_ids: null,
      prompt_logprobs: null,
      prompt_token_ids: null,
      routed_experts: null,
    };
  }

  private event(index: number, text: string, logprobs: string, finish: string | undefined): string {
    const fingerprint = finish !== undefined && !this.includeUsage ? `,"system_fingerprint":"${FINGERPRINT}"` : '';
    return (
      `${this.opening}{"index":${index},"text":${text},"logprobs":${logprobs},` +
      `"finish_reason":${finish === undefined ? 'null' : `"${finish}"`},"stop_reason":null,` +
      `"prompt_token_ids":null,"token_ids":null}]${fingerprint}}`
    );
  }
}
