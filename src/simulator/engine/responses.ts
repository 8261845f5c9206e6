import { planOf } from './chat.ts';
import type { Exchange } from './exchange.ts';
import { type AnswerFormat, type Choice, Generation } from './generation.ts';
import { promptOf } from './prompt.ts';
import { type Json, jsonBody, modelOf, numberOf, Refusal, saltOf } from './request.ts';
import { type EventStream, frameOf, openAiErrors } from './stream.ts';
import { chatText } from './template.ts';
import { usageOf } from './usage.ts';

/** `POST /v1/responses`; nothing is stored, so every earlier response is unknown. */
export function responses(exchange: Exchange): void {
  const body = jsonBody(exchange, ['input']);
  const model = modelOf(exchange, body);
  if (typeof body['previous_response_id'] === 'string') throw unknownResponse(body['previous_response_id']);
  const { input, instructions } = body;
  const list = Array.isArray(input) ? input : [{ role: 'user', content: String(input) }];
  const all = typeof instructions === 'string' ? [{ role: 'system', content: instructions }, ...list] : list;
  const prompt = promptOf(Buffer.from(chatText(all)), saltOf(body, model));
  const { choices } = planOf(exchange, { ...body, tools: [] }, [prompt], ['max_output_tokens']);
  const format = new ResponseFormat(exchange, body, model.name, choices[0]!);
  const generation = new Generation(exchange, choices.slice(0, 1), format, body['stream'] === true);
  format.generation = generation;
  generation.run();
}

/** `GET /v1/responses/{id}` and `POST /v1/responses/{id}/cancel`. */
export function storedResponse(exchange: Exchange): void {
  throw unknownResponse(decodeURIComponent(exchange.path.split('/')[3] ?? ''));
}

function unknownResponse(id: string): Refusal {
  return new Refusal(404, 'invalid_request_error', `Response with id '${id}' not found.`, 'response_id');
}

class ResponseFormat implements AnswerFormat {
  readonly errors = openAiErrors;
  generation!: Generation;
  private readonly body: Json;
  private readonly model: string;
  private readonly choice: Choice;
  private readonly id: string;
  private readonly messageId: string;
  private readonly created = Math.floor(Date.now() / 1000);
  private events = 0;

  constructor(exchange: Exchange, body: Json, model: string, choice: Choice) {
    this.body = body;
    this.model = model;
    this.choice = choice;
    this.id = `resp_${exchange.bodyId}`;
    this.messageId = `msg_${exchange.host.nextId()}`;
  }

  refuse(exchange: Exchange, status: number, message: string, type: string): void {
    exchange.error(status, message, type);
  }

  start(stream: EventStream): void {
    this.send(stream, 'response.created', { response: this.response('in_progress') });
    this.send(stream, 'response.in_progress', { response: this.response('in_progress') });
    const item = {
      id: this.messageId,
      content: [],
      role: 'assistant',
      status: 'in_progress',
      type: 'message',
      phase: null,
    };
    this.send(stream, 'response.output_item.added', { item, output_index: 0 });
    const part = { annotations: [], text: '', type: 'output_text', logprobs: [] };
    this.send(stream, 'response.content_part.added', {
      content_index: 0,
      item_id: this.messageId,
      output_index: 0,
      part,
    });
  }

  delta(stream: EventStream, _index: number, json: string): void {
    const type = 'response.output_text.delta';
    stream.send(
      frameOf(
        `{"content_index":0,"delta":"${json}","item_id":"${this.messageId}","logprobs":[],"output_index":0,` +
          `"sequence_number":${this.events++},"type":"${type}"}`,
        type,
      ),
    );
  }

  complete(stream: EventStream): boolean {
    const at = { content_index: 0, item_id: this.messageId, output_index: 0 };
    const text = this.choice.output.text();
    const done = { content_index: 0, item_id: this.messageId, logprobs: [], output_index: 0 };
    stream.send(
      frameOf(
        JSON.stringify({ ...done, sequence_number: this.events++, text, type: 'response.output_text.done' }),
        'response.output_text.done',
      ),
    );
    this.send(stream, 'response.content_part.done', { ...at, part: this.part() });
    this.send(stream, 'response.output_item.done', { item: this.message(), output_index: 0 });
    this.send(stream, 'response.completed', { response: this.response(this.status()) });
    return false;
  }

  whole(): unknown {
    return this.response(this.status());
  }

  private send(stream: EventStream, type: string, fields: Json): void {
    stream.send(frameOf(JSON.stringify({ ...fields, sequence_number: this.events++, type }), type));
  }

  private status(): string {
    return this.choice.output.finish === 'length' ? 'incomplete' : 'completed';
  }

  private part(): unknown {
    return { annotations: [], text: this.choice.output.text(), type: 'output_text', logprobs: null };
  }

  private message(): unknown {
    return {
      id: this.messageId,
      content: [this.part()],
      role: 'assistant',
      status: 'completed',
      type: 'message',
      phase: null,
    };
  }

  private response(status: string): unknown {
    const ended = status !== 'in_progress';
    const body = this.body;
    return {
      id: this.id,
      created_at: this.created,
      incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
      instructions: body['instructions'] ?? null,
      metadata: null,
      model: this.model,
      object: 'response',
      output: ended ? [this.message()] : [],
      parallel_tool_calls: true,
      temperature: numberOf(body['temperature'], 1),
      tool_choice: 'none',
      tools: [],
      top_p: numberOf(body['top_p'], 1),
      background: false,
      max_output_tokens: body['max_output_tokens'] ?? null,
      max_tool_calls: null,
      previous_response_id: null,
      prompt: null,
      reasoning: null,
      service_tier: 'auto',
      status,
      text: null,
      top_logprobs: null,
      truncation: 'disabled',
      usage: ended ? this.usage() : null,
      user: null,
      presence_penalty: 0,
      frequency_penalty: 0,
      kv_transfer_params: null,
      ec_transfer_params: null,
      input_messages: null,
      output_messages: null,
    };
  }

  private usage(): unknown {
    const { prompt, completion, cached } = usageOf(this.generation);
    return {
      input_tokens: prompt,
      input_tokens_details: {
        cached_tokens: cached,
        cache_write_tokens: 0,
        input_tokens_per_turn: [],
        cached_tokens_per_turn: [],
      },
      output_tokens: completion,
      output_tokens_details: {
        reasoning_tokens: 0,
        tool_output_tokens: 0,
        output_tokens_per_turn: [],
        tool_output_tokens_per_turn: [],
      },
      total_tokens: prompt + completion,
    };
  }
}
