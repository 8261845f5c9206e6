import { crc32, deflateSync } from 'node:zlib';
import type { Exchange } from './exchange.ts';
import { fieldOf, formParts } from './multipart.ts';
import { type Prompt, promptOf } from './prompt.ts';
import { jsonBody, modelOf, numberOf } from './request.ts';
import { textKey } from './text.ts';
import { compute } from './work.ts';

/** `POST /v1/images/generations`. */
export function generateImages(exchange: Exchange): void {
  const body = jsonBody(exchange, ['prompt']);
  modelOf(exchange, body);
  draw(exchange, promptOf(Buffer.from(String(body['prompt']))), numberOf(body['n'], 1));
}

/** `POST /v1/images/edits`: a form with the image and the prompt. */
export function editImages(exchange: Exchange): void {
  const parts = formParts(exchange);
  const model = fieldOf(parts, 'model');
  modelOf(exchange, model === undefined ? {} : { model });
  const files = parts.filter(({ filename }) => filename !== undefined).map(({ data }) => data);
  const prompt = promptOf(Buffer.concat([Buffer.from(fieldOf(parts, 'prompt') ?? ''), ...files]));
  draw(exchange, prompt, Number(fieldOf(parts, 'n') ?? 1));
}

function draw(exchange: Exchange, prompt: Prompt, n: number): void {
  compute(exchange, [prompt], 1, () => {
    exchange.json(200, {
      created: Math.floor(Date.now() / 1000),
      data: Array.from({ length: n }, (_, i) => ({
        b64_json: png(textKey(prompt.key, 3, i)).toString('base64'),
        url: null,
        revised_prompt: null,
      })),
    });
  });
}

/** One pixel, whose colour follows from the prompt. */
function png(color: number): Buffer {
  const header = Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0]);
  const pixels = deflateSync(Buffer.from([0, color & 0xff, (color >> 8) & 0xff, (color >> 16) & 0xff]));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, block('IHDR', header), block('IDAT', pixels), block('IEND', Buffer.alloc(0))]);
}

function block(type: string, data: Buffer): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, 'latin1');
  data.copy(bytes, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}
