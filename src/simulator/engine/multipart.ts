import type { Exchange } from './exchange.ts';
import { Refusal } from './request.ts';

export interface FormPart {
  readonly name: string;
  readonly filename: string | undefined;
  readonly data: Buffer;
}

/** The parts of a `multipart/form-data` body. */
export function formParts(exchange: Exchange): FormPart[] {
  const type = exchange.req.headers['content-type'] ?? '';
  const boundary = /^multipart\/form-data;.*boundary="?([^";]+)"?/i.exec(type)?.[1];
  if (boundary === undefined) {
    const message =
      "1 validation error:\n  {'type': 'missing', 'loc': 'body.file', 'msg': 'Field required', 'input': 'None'}";
    throw new Refusal(400, 'Bad Request', message, 'body.file', true);
  }
  const parts: FormPart[] = [];
  const { body } = exchange;
  const delimiter = Buffer.from(`--${boundary}`);
  let at = body.indexOf(delimiter);
  while (at >= 0) {
    const start = at + delimiter.length + 2;
    const next = body.indexOf(delimiter, start);
    const headEnd = body.indexOf('\r\n\r\n', start);
    if (next < 0 || headEnd < 0 || headEnd > next) break;
    const head = body.toString('utf8', start, headEnd);
    parts.push({
      name: /name="([^"]*)"/.exec(head)?.[1] ?? '',
      filename: /filename="([^"]*)"/.exec(head)?.[1],
      data: body.subarray(headEnd + 4, next - 2),
    });
    at = next;
  }
  return parts;
}

export function fieldOf(parts: readonly FormPart[], name: string): string | undefined {
  return parts.find((part) => part.name === name && part.filename === undefined)?.data.toString();
}
