import { chatMessage, type ToolPlan, toolPlan } from './chat-message.ts';
import type { Exchange } from './exchange.ts';
import { type AnswerFormat, type Choice, Generation } from './generation.ts';
import { handOver, isPrefilled } from './kv-transfer.ts';
import { chatLogprobs } from './logprobs.ts';
import { fixedOutput, type Output, sampleOf, spokenOutput } from './output.ts';
import { type Prompt, promptOf } from './prompt.ts';
import { type Json, jsonBody, modelOf, numberOf, saltOf, tokenLimit } from './request.ts';
import { type EventStream, frameOf, openAiErrors } from './stream.ts';
import { chatText } from './template.ts';
import { FINGERPRINT, VOCABULARIES } from './text.ts';
import { usageOf } from './usage.ts';

/** `POST /v1/chat/completions`, `/invocations`, and `/v1/chat/completions/batch` with its list of conversations. */
export function chatCompletions(exchange: Exchange): void {
  const body = jsonBody(exchange, ['messages']);
  const model = modelOf(exchange, body);
  const messages = Array.isArray(body['messages']) ? body['messages'] : [];
  const conversations = exchange.path.endsWith('/batch') ? messages : [messages];
  const salt = saltOf(body, model);
  const prompts = conversations.map((one) => promptOf(Buffer.from(chatText(one as unknown[], body['tools'])), salt));
  const plan = planOf(exchange, body, prompts);
  const format = new ChatFormat(exchange, body, model.name, plan);
  const generation = new Generation(exchange, plan.choices, format, body['stream'] === true, isPrefilled(body));
  format.generation = generation;
  generation.run();
}

export interface ChatPlan {
  readonly choices: readonly Choice[];
  readonly tool: ToolPlan | undefined;
}

/** Decides what each choice will say: words, a tool call, or JSON. */
export function planOf(
  exchange: Exchange,
  body: Json,
  prompts: readonly Prompt[],
  limits: readonly string[] = ['max_completion_tokens', 'max_tokens'],
): ChatPlan {
  const { host, fault } = exchange;
  const seed = numberOf(body['seed'], 0);
  const n = Math.max(1, numberOf(body['n'], 1));
  const tool = toolPlan(body);
  const choices: Choice[] = [];
  for (const prompt of prompts) {
    const limit = tokenLimit(host, body, prompt, limits);
    for (let i = 0; i < n; i++) {
      const index = choices.length;
      choices.push({ prompt, output: outputOf(body, prompt, seed, index, limit, tool) });
    }
  }
  return { choices, tool };

  function outputOf(
    request: Json,
    prompt: Prompt,
    choiceSeed: number,
    index: number,
    limit: number | undefined,
    plan: ToolPlan | undefined,
  ): Output {
    const words = VOCABULARIES[host.settings.text];
    if (fault?.kind === 'abort')
      return spokenOutput(words, prompt.key, choiceSeed, index, Math.max(1, fault.at), 'abort');
    const most = limit ?? Number.POSITIVE_INFINITY;
    if (plan) return fixedOutput(plan.argumentText, most, plan.finish);
    const format = request['response_format'] as Json | undefined;
    if (format?.['type'] === 'json_object') return fixedOutput('{"answer": "simulated"}', most, 'stop');
    if (format?.['type'] === 'json_schema') {
      const schema = (format['json_schema'] as Json | undefined)?.['schema'];
      return fixedOutput(JSON.stringify(sampleOf(schema)), most, 'stop');
    }
    const tokens = limit ?? host.settings.outputTokens;
    return spokenOutput(words, prompt.key, choiceSeed, index, tokens, limit === undefined ? 'stop' : 'length');
  }
}

class ChatFormat implements AnswerFormat {
  readonly errors = openAiErrors;
  generation!: Generation;
  private readonly body: Json;
  private readonly plan: ChatPlan;
  private readonly model: string;
  private readonly id: string;
  private readonly created = Math.floor(Date.now() / 1000);
  private readonly includeUsage: boolean;
  private readonly continuous: boolean;
  private readonly logprobs: boolean;
  private readonly batch: boolean;
  /** Everything of an event before its choice's index. */
  private readonly opening: string;
  private opened = false;
  /** Per choice and by the text's length: the chunk up to the text. */
  private readonly heads: string[][] = [];

  constructor(exchange: Exchange, body: Json, model: string, plan: ChatPlan) {
    this.body = body;
    this.plan = plan;
    this.model = model;
    this.id = `chatcmpl-${exchange.bodyId}`;
    const options = body['stream_options'] as Json | undefined;
    this.includeUsage = options?.['include_usage'] === true;
    this.continuous = this.includeUsage && options?.['continuous_usage_stats'] === true;
    this.logprobs = body['logprobs'] === true;
    this.batch = exchange.path.endsWith('/batch');
    this.opening =
      `{"id":${JSON.stringify(this.id)},"object":"chat.completion.chunk","created":${this.created},` +
      `"model":${JSON.stringify(model)},"choices":[`;
  }

  refuse(exchange: Exchange, status: number, message: string, type: string): void {
    exchange.error(status, message, type);
  }

  start(stream: EventStream, index: number): void {
    // With the first token of any choice, vLLM opens all of them.
    if (!this.opened) for (const choice of this.plan.choices.keys()) stream.send(frameOf(this.roleEvent(choice)));
    this.opened = true;
    const { tool } = this.plan;
    if (!tool) return;
    const name = JSON.stringify(tool.name);
    const call = `{"id":"chatcmpl-tool-${this.id.slice(-16)}","type":"function","index":0,"function":{"name":${name}}}`;
    stream.send(frameOf(this.event(index, `{"content":null,"tool_calls":[${call}]}`, 'null', undefined)));
  }

  delta(stream: EventStream, index: number, json: string, bytes: number, n: number, last: boolean): void {
    if (!last && !this.plan.tool && !this.logprobs && !this.continuous) {
      stream.send(this.headFor(index, bytes) + json + TAIL);
      return;
    }
    const { output } = this.plan.choices[index]!;
    const finish = last ? output.finish : undefined;
    if (this.plan.tool) {
      const part = `{"content":null,"tool_calls":[{"index":0,"function":{"arguments":"${json}"}}]}`;
      stream.send(frameOf(this.event(index, part, 'null', undefined)));
      if (finish) stream.send(frameOf(this.event(index, '{}', 'null', finish)));
      return;
    }
    const logprobs = this.logprobs ? JSON.stringify(chatLogprobs([output.at(n)], this.body)) : 'null';
    stream.send(frameOf(this.event(index, `{"content":"${json}"}`, logprobs, finish)));
  }

  complete(stream: EventStream): boolean {
    if (this.includeUsage) {
      const { prompt, completion, cached } = usageOf(this.generation);
      const usage = {
        prompt_tokens: prompt,
        total_tokens: prompt + completion,
        completion_tokens: completion,
        prompt_tokens_details: { cached_tokens: cached, created_cache_tokens: 0 },
      };
      stream.send(frameOf(`${this.opening}],"usage":${JSON.stringify(usage)},"system_fingerprint":"${FINGERPRINT}"}`));
    }
    return true;
  }

  whole(): unknown {
    const { prompt, completion, cached } = usageOf(this.generation);
    return {
      id: this.id,
      object: 'chat.completion',
      created: this.created,
      model: this.model,
      choices: this.plan.choices.map(({ output }, index) => ({
        index,
        message: chatMessage(output, this.plan.tool, `chatcmpl-tool-${this.id.slice(-16)}`),
        logprobs: this.logprobs
          ? chatLogprobs(
              Array.from({ length: output.limit }, (_, n) => output.at(n)),
              this.body,
            )
          : null,
        finish_reason: output.finish,
        stop_reason: null,
        token_ids: null,
        routed_experts: null,
      })),
      service_tier: null,
      system_fingerprint: FINGERPRINT,
      usage: {
        prompt_tokens: prompt,
        total_tokens: prompt + completion,
        completion_tokens: completion,
        prompt_tokens_details: this.batch
          ? null
          : { cached_tokens: cached, created_cache_tokens: 0, multimodal_tokens: null },
        completion_tokens_details: null,
      },
      prompt_logprobs: null,
      prompt_token_ids: null,
      prompt_text: null,
      kv_transfer_params: handOver(this.body, this.id),
      ec_transfer_params: null,
      metrics: null,
    };
  }

  private headFor(index: number, bytes: number): string {
    this.heads[index] ??= [];
    const heads = this.heads[index];
    const known = heads[bytes];
    if (known !== undefined) return known;
    const text = `data: ${this.opening}{"index":${index},"delta":{"content":"`;
    const size = Buffer.byteLength(text) + bytes + TAIL.length - 2;
    const head = `${size.toString(16)}\r\n${text}`;
    // A slow reader's merged events have any length: those are not worth keeping.
    if (bytes < 64) heads[bytes] = head;
    return head;
  }

  private roleEvent(index: number): string {
    const usage = this.continuous ? `,"usage":${this.running(0)}` : '';
    return (
      `${this.opening}{"index":${index},"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]` +
      `${usage},"prompt_token_ids":null,"prompt_text":null}`
    );
  }

  private event(index: number, delta: string, logprobs: string, finish: string | undefined): string {
    const end = finish === undefined ? 'null' : `"${finish}","stop_reason":null`;
    const usage = this.continuous ? `,"usage":${this.running(this.generation.generated)}` : '';
    const fingerprint = finish !== undefined && !this.includeUsage ? `,"system_fingerprint":"${FINGERPRINT}"` : '';
    return `${this.opening}{"index":${index},"delta":${delta},"logprobs":${logprobs},"finish_reason":${end},"token_ids":null}]${usage}${fingerprint}}`;
  }

  private running(completion: number): string {
    const { prompt } = usageOf(this.generation);
    return JSON.stringify({
      prompt_tokens: prompt,
      total_tokens: prompt + completion,
      completion_tokens: completion,
      completion_tokens_details: null,
    });
  }
}

const TAIL = '"},"logprobs":null,"finish_reason":null,"token_ids":null}]}\n\n\r\n';
