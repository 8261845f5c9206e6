import type { Exchange } from './exchange.ts';
import type { EngineHost } from './host.ts';
import { bytesOfTokens, type Prompt, promptOf } from './prompt.ts';

export type Json = Record<string, unknown>;

/** An error answer; `validation` ones keep OpenAI's shape even under /v1/messages. */
export class Refusal extends Error {
  readonly status: number;
  readonly type: string;
  readonly param: string | null;
  readonly validation: boolean;

  constructor(status: number, type: string, message: string, param: string | null = null, validation = false) {
    super(message);
    this.status = status;
    this.type = type;
    this.param = param;
    this.validation = validation;
  }
}

export function badRequest(message: string, param: string | null = null): Refusal {
  return new Refusal(400, 'BadRequestError', message, param);
}

/** What pydantic says about a body, as vLLM prints it. */
function invalid(detail: string, param: string | null): Refusal {
  return new Refusal(400, 'Bad Request', `1 validation error:\n  ${detail}`, param, true);
}

function sizeOf(value: unknown): string {
  if (Array.isArray(value)) return `<list of ${value.length} items>`;
  return `<dict of ${Object.keys(value as object).length} items>`;
}

/** The JSON object in the request's body. */
export function jsonBody(exchange: Exchange, required: readonly string[]): Json {
  const type = exchange.req.headers['content-type'];
  if (exchange.body.length > 0 && type?.split(';')[0]?.trim().toLowerCase() !== 'application/json') {
    throw invalid("Unsupported Media Type: Only 'application/json' is allowed", null);
  }
  if (exchange.body.length === 0) {
    throw invalid("{'type': 'missing', 'loc': 'body', 'msg': 'Field required', 'input': 'None'}", 'body');
  }
  const body = parse(exchange.body);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    const input = Array.isArray(body) ? sizeOf(body) : String(body);
    const message = 'Input should be a valid dictionary or object to extract fields from';
    throw invalid(`{'type': 'model_attributes_type', 'loc': 'body', 'msg': '${message}', 'input': '${input}'}`, 'body');
  }
  for (const name of required) {
    if (name in body) continue;
    const detail = `{'type': 'missing', 'loc': 'body.${name}', 'msg': 'Field required', 'input': '${sizeOf(body)}'}`;
    throw invalid(detail, `body.${name}`);
  }
  exchange.record.stream = (body as Json)['stream'] === true;
  return body as Json;
}

function parse(body: Buffer): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new Unreadable();
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const position = /position (\d+)/.exec((error as Error).message)?.[1] ?? String(text.length);
    const loc = `body.${position}`;
    const rest = "'input': '<dict of 0 items>', 'ctx': {'error': 'Expecting value'}";
    throw invalid(`{'type': 'json_invalid', 'loc': '${loc}', 'msg': 'JSON decode error', ${rest}}`, loc);
  }
}

/** A body that is not even text: FastAPI answers in its own shape. */
export class Unreadable extends Error {}

/** The model that a request names; none means the served one. */
export function modelOf(exchange: Exchange, body: Json): { readonly name: string; readonly lora: boolean } {
  const { models } = exchange.host;
  const asked = typeof body['model'] === 'string' ? body['model'] : undefined;
  exchange.record.model = asked;
  const model = models.resolve(asked);
  if (!model) throw new Refusal(404, 'NotFoundError', models.unknown(asked!), 'model');
  return model;
}

/** LoRA adapters and `cache_salt` keep prefixes apart. */
export function saltOf(body: Json, model: { readonly name: string; readonly lora: boolean }): string {
  const salt = typeof body['cache_salt'] === 'string' ? body['cache_salt'] : '';
  return model.lora ? `${model.name}\n${salt}` : salt;
}

/** The limit of generated tokens, checked as vLLM checks it. */
export function tokenLimit(host: EngineHost, body: Json, prompt: Prompt, names: readonly string[]): number | undefined {
  const { maxModelLen } = host.settings;
  const name = names.find((candidate) => typeof body[candidate] === 'number');
  const asked = name === undefined ? undefined : (body[name] as number);
  const temperature = body['temperature'];
  if (typeof temperature === 'number' && temperature < 0) {
    const value = Number.isInteger(temperature) ? temperature.toFixed(1) : String(temperature);
    throw badRequest(
      `temperature must be non-negative, got ${value}. (parameter=temperature, value=${value})`,
      'temperature',
    );
  }
  if (asked !== undefined && asked < 1) {
    throw badRequest(
      `max_tokens must be at least 1, got ${asked}. (parameter=max_tokens, value=${asked})`,
      'max_tokens',
    );
  }
  if (asked !== undefined && asked > maxModelLen) {
    throw badRequest(
      `max_tokens=${asked} cannot be greater than max_model_len=${maxModelLen}. Please request fewer output tokens. ` +
        `(parameter=max_tokens, value=${asked})`,
      'max_tokens',
    );
  }
  checkLength(host, prompt);
  const room = maxModelLen - prompt.tokens;
  return asked === undefined ? undefined : Math.max(1, Math.min(asked, room));
}

export function checkLength(host: EngineHost, prompt: Prompt): void {
  const { maxModelLen } = host.settings;
  if (prompt.tokens < maxModelLen) return;
  const least = maxModelLen + 1;
  throw badRequest(
    `This model's maximum context length is ${maxModelLen} tokens. However, your prompt contains at least ${least} input tokens, ` +
      'which exceeds this limit even without any output tokens. Please reduce the length of the input prompt. ' +
      `(parameter=input_tokens, value=${least})`,
    'input_tokens',
  );
}

/** A prompt as completions and embeddings take it: text or token ids, one or a list of them. */
export function promptsOf(value: unknown, salt: string): Prompt[] {
  if (typeof value === 'string' && value !== '') return [promptOf(Buffer.from(value), salt)];
  if (Array.isArray(value) && value.length > 0) {
    if (value.every((item) => typeof item === 'number')) return [tokenPrompt(value, salt)];
    return value.map((item) => (Array.isArray(item) ? tokenPrompt(item, salt) : textPrompt(item, salt)));
  }
  throw badRequest('Either prompt or prompt_embeds must be provided and non-empty. (parameter=prompt)', 'prompt');
}

function textPrompt(value: unknown, salt: string): Prompt {
  if (typeof value !== 'string') throw badRequest('prompt must be a string or a list of token ids', 'prompt');
  return promptOf(Buffer.from(value), salt);
}

function tokenPrompt(ids: readonly unknown[], salt: string): Prompt {
  const bytes = bytesOfTokens(ids);
  if (!bytes)
    throw badRequest(
      `Token id ${ids.find((id) => !Number.isInteger(id) || (id as number) > 0xffff_ffff)} is out of vocabulary`,
    );
  return promptOf(bytes, salt);
}

export function numberOf(value: unknown, fallback: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : fallback;
}
