import type { Exchange } from './exchange.ts';
import { type AnswerFormat, type Choice, Generation } from './generation.ts';
import { fieldOf, formParts } from './multipart.ts';
import { spokenOutput } from './output.ts';
import { promptOf } from './prompt.ts';
import { type Json, jsonBody, modelOf, Refusal } from './request.ts';
import { type EventStream, frameOf, openAiErrors } from './stream.ts';
import { textKey, VOCABULARIES } from './text.ts';
import { usageOf } from './usage.ts';
import { compute } from './work.ts';

/** Tokens that Whisper makes of half a minute; also the length of every transcript here. */
const TRANSCRIPT_TOKENS = 8;

/** `POST /v1/audio/transcriptions` and `/v1/audio/translations`; the text follows from the file's bytes. */
export function transcribe(exchange: Exchange): void {
  const parts = formParts(exchange);
  const model = fieldOf(parts, 'model');
  const { name } = modelOf(exchange, model === undefined ? {} : { model });
  const file = parts.find((part) => part.name === 'file');
  if (!file) {
    const message =
      "1 validation error:\n  {'type': 'missing', 'loc': 'body.file', 'msg': 'Field required', 'input': 'None'}";
    throw new Refusal(400, 'Bad Request', message, 'body.file', true);
  }
  const prompt = promptOf(file.data);
  const words = VOCABULARIES[exchange.host.settings.text];
  const task = exchange.path.endsWith('translations') ? 1 : 0;
  const output = spokenOutput(words, prompt.key, task, 0, TRANSCRIPT_TOKENS, 'stop');
  const stream = fieldOf(parts, 'stream') === 'true';
  const format = new TranscriptFormat(
    exchange,
    name,
    { prompt, output },
    fieldOf(parts, 'stream_include_usage') === 'true',
  );
  const generation = new Generation(exchange, [{ prompt, output }], format, stream);
  format.generation = generation;
  generation.run();
}

class TranscriptFormat implements AnswerFormat {
  readonly errors = openAiErrors;
  generation!: Generation;
  private readonly id: string;
  private readonly model: string;
  private readonly choice: Choice;
  private readonly includeUsage: boolean;
  private readonly created = Math.floor(Date.now() / 1000);

  constructor(exchange: Exchange, model: string, choice: Choice, includeUsage: boolean) {
    this.id = `transcribe-${exchange.bodyId}`;
    this.model = model;
    this.choice = choice;
    this.includeUsage = includeUsage;
  }

  refuse(exchange: Exchange, status: number, message: string, type: string): void {
    exchange.error(status, message, type);
  }

  start(): void {}

  delta(stream: EventStream, _index: number, json: string, _bytes: number, _n: number, last: boolean): void {
    const finish = last ? '"stop","stop_reason":null' : 'null';
    this.send(stream, `{"delta":{"content":"${json}"},"finish_reason":${finish}}`, '');
  }

  complete(stream: EventStream): boolean {
    if (this.includeUsage) {
      const { prompt, completion } = usageOf(this.generation);
      const usage = { prompt_tokens: prompt, total_tokens: prompt + completion, completion_tokens: completion };
      this.send(stream, '', `,"usage":${JSON.stringify(usage)}`);
    }
    return true;
  }

  whole(): unknown {
    return { text: this.choice.output.text(), usage: { type: 'duration', seconds: 1 } };
  }

  private send(stream: EventStream, choice: string, rest: string): void {
    stream.send(
      frameOf(
        `{"id":"${this.id}","object":"transcription.chunk","created":${this.created},` +
          `"model":${JSON.stringify(this.model)},"choices":[${choice}]${rest}}`,
      ),
    );
  }
}

/** `POST /v1/audio/speech`: a WAV whose samples follow from the text. */
export function speech(exchange: Exchange): void {
  const body: Json = jsonBody(exchange, ['input']);
  modelOf(exchange, body);
  const prompt = promptOf(Buffer.from(String(body['input'])));
  compute(exchange, [prompt], TRANSCRIPT_TOKENS, () => {
    exchange.send(200, wav(prompt.key, 1600), { type: 'audio/wav' });
  });
}

/** `GET /v1/audio/voices`. */
export function voices(exchange: Exchange): void {
  exchange.json(200, { voices: ['default'] });
}

/** 16 kHz, mono, 8 bits. */
function wav(key: number, samples: number): Buffer {
  const bytes = Buffer.alloc(44 + samples);
  bytes.write('RIFF', 0, 'latin1');
  bytes.writeUInt32LE(36 + samples, 4);
  bytes.write('WAVEfmt ', 8, 'latin1');
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(16_000, 24);
  bytes.writeUInt32LE(16_000, 28);
  bytes.writeUInt16LE(1, 32);
  bytes.writeUInt16LE(8, 34);
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32LE(samples, 40);
  for (let i = 0; i < samples; i++) bytes[44 + i] = textKey(key, 2, i) & 0xff;
  return bytes;
}
