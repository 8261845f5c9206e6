import { planOf } from './chat.ts';
import type { ToolPlan } from './chat-message.ts';
import type { Exchange } from './exchange.ts';
import { type AnswerFormat, type Choice, Generation } from './generation.ts';
import { handOver, isPrefilled } from './kv-transfer.ts';
import { promptOf } from './prompt.ts';
import { type Json, jsonBody, modelOf, saltOf } from './request.ts';
import { type ErrorEvents, type EventStream, frameOf } from './stream.ts';
import { chatText, contentText } from './template.ts';
import { usageOf } from './usage.ts';

/** `POST /v1/messages`: Anthropic's API. */
export function messages(exchange: Exchange): void {
  const body = jsonBody(exchange, ['messages', 'max_tokens']);
  const model = modelOf(exchange, body);
  const prompt = promptOf(Buffer.from(textOf(body)), saltOf(body, model));
  const plan = planOf(exchange, openAiTools(body), [prompt], ['max_tokens']);
  const choice = plan.choices[0]!;
  const format = new MessagesFormat(exchange, body, model.name, choice, plan.tool);
  const generation = new Generation(exchange, [choice], format, body['stream'] === true, isPrefilled(body));
  format.generation = generation;
  generation.run();
}

/** `POST /v1/messages/count_tokens`. */
export function countTokens(exchange: Exchange): void {
  const body = jsonBody(exchange, ['messages']);
  modelOf(exchange, body);
  const { tokens } = promptOf(Buffer.from(textOf(body)));
  exchange.json(200, { input_tokens: tokens, context_management: { original_input_tokens: tokens } });
}

function textOf(body: Json): string {
  const { system } = body;
  const list = Array.isArray(body['messages']) ? body['messages'] : [];
  return chatText(
    system === undefined ? list : [{ role: 'system', content: contentText(system) }, ...list],
    body['tools'],
  );
}

/** Anthropic's tools and choice in OpenAI's words. */
function openAiTools(body: Json): Json {
  const tools = Array.isArray(body['tools']) ? (body['tools'] as Json[]) : [];
  const choice = body['tool_choice'] as Json | undefined;
  return {
    ...body,
    tools: tools.map(({ name, input_schema }) => ({ type: 'function', function: { name, parameters: input_schema } })),
    tool_choice:
      choice?.['type'] === 'tool'
        ? { function: { name: choice['name'] } }
        : choice?.['type'] === 'any'
          ? 'required'
          : 'auto',
  };
}

/** vLLM fails to convert its own error chunk, and sends what pydantic says about that. */
const messagesErrors: ErrorEvents = (message, _type, code) => {
  const input = `input_value={'error': {'message': '${message.slice(0, 2)}...am': None, 'code': ${code}}}, input_type=dict`;
  const field = (name: string) =>
    `${name}\n  Field required [type=missing, ${input}]\n    For further information visit https://errors.pydantic.dev/2.14/v/missing`;
  const text = `2 validation errors for ChatCompletionStreamResponse\n${field('model')}\n${field('choices')}`;
  const error = { type: 'error', error: { type: 'internal_error', message: text } };
  return { frame: frameOf(JSON.stringify(error), 'error'), done: false };
};

const STOP_REASONS: Readonly<Record<string, string>> = {
  length: 'max_tokens',
  stop: 'end_turn',
  tool_calls: 'tool_use',
  abort: 'end_turn',
};

class MessagesFormat implements AnswerFormat {
  readonly errors = messagesErrors;
  generation!: Generation;
  private readonly id: string;
  private readonly body: Json;
  private readonly model: string;
  private readonly choice: Choice;
  private readonly tool: ToolPlan | undefined;

  constructor(exchange: Exchange, body: Json, model: string, choice: Choice, tool: ToolPlan | undefined) {
    this.id = `chatcmpl-${exchange.bodyId}`;
    this.body = body;
    this.model = model;
    this.choice = choice;
    this.tool = tool;
  }

  refuse(exchange: Exchange, status: number, message: string, type: string): void {
    exchange.json(status, { type: 'error', error: { type, message } });
  }

  start(stream: EventStream): void {
    const { prompt } = usageOf(this.generation);
    const message = {
      id: this.id,
      type: 'message',
      role: 'assistant',
      content: [],
      model: this.model,
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: prompt, output_tokens: 0 },
    };
    send(stream, { type: 'message_start', message });
    const block = this.tool
      ? { type: 'tool_use', id: `toolu_${this.id.slice(-16)}`, name: this.tool.name, input: {} }
      : { type: 'text', text: '' };
    send(stream, { type: 'content_block_start', content_block: block, index: 0 });
  }

  delta(stream: EventStream, _index: number, json: string): void {
    const part = this.tool ? `"input_json_delta","partial_json":"${json}"` : `"text_delta","text":"${json}"`;
    stream.send(frameOf(`{"type":"content_block_delta","delta":{"type":${part}},"index":0}`, 'content_block_delta'));
  }

  complete(stream: EventStream): boolean {
    send(stream, { type: 'content_block_stop', index: 0 });
    const delta = { stop_reason: this.stopReason(), stop_sequence: null };
    send(stream, { type: 'message_delta', delta, usage: this.usage() });
    send(stream, { type: 'message_stop' });
    return false;
  }

  whole(): unknown {
    const { output } = this.choice;
    const params = handOver(this.body, this.id);
    const content = this.tool
      ? {
          type: 'tool_use',
          id: `toolu_${this.id.slice(-16)}`,
          name: this.tool.name,
          input: JSON.parse(this.tool.argumentText),
        }
      : { type: 'text', text: output.text() };
    return {
      id: this.id,
      type: 'message',
      role: 'assistant',
      content: [content],
      model: this.model,
      stop_reason: this.stopReason(),
      usage: this.usage(),
      ...(params !== null && { kv_transfer_params: params }),
    };
  }

  private stopReason(): string {
    return this.tool ? 'tool_use' : STOP_REASONS[this.choice.output.finish]!;
  }

  private usage(): unknown {
    const { prompt, completion, cached } = usageOf(this.generation);
    return {
      // Anthropic counts what came out of the cache apart from the input.
      input_tokens: prompt - cached,
      output_tokens: completion,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: cached,
    };
  }
}

function send(stream: EventStream, event: { readonly type: string } & Json): void {
  stream.send(frameOf(JSON.stringify(event), event.type));
}
