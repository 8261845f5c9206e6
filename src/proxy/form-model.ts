/**
 * The `model` field of a multipart form (RFC 7578), read from the body's bytes; the body itself goes on as it came. A form has a
 * handful of parts, so it is walked by its boundary without decoding any of them.
 */
const MAX_PARTS = 64;
const MAX_MODEL = 1_024;
const HEADER_END = Buffer.from('\r\n\r\n');

/** The field and where its value lies: [start, end) in the body. */
export interface FormModel {
  readonly model: string;
  readonly range: readonly [start: number, end: number];
}

/** The model field, undefined when there is none, or the fault as text. */
export function formModel(body: Buffer, contentType: string): FormModel | undefined | { fault: string } {
  const boundary = boundaryOf(contentType);
  if (boundary === undefined) return { fault: 'the Content-Type names no multipart boundary.' };
  const delimiter = Buffer.from(`--${boundary}`);
  const border = Buffer.from(`\r\n--${boundary}`);
  let at = body.indexOf(delimiter);
  if (at < 0) return { fault: 'the multipart boundary is not in the body.' };
  let found: FormModel | undefined;
  for (let part = 0; part < MAX_PARTS; part++) {
    at += delimiter.length;
    if (body[at] === 0x2d && body[at + 1] === 0x2d) return found;
    const headersEnd = body.indexOf(HEADER_END, at);
    const end = headersEnd < 0 ? -1 : body.indexOf(border, headersEnd + 2);
    if (end < 0) return { fault: 'the multipart body is cut short.' };
    if (partName(body.toString('latin1', at, Math.min(headersEnd, at + 4_096))) === 'model') {
      if (found !== undefined) return { fault: "the form has two fields named 'model'." };
      if (end - headersEnd - 4 > MAX_MODEL) return { fault: "the form field 'model' is too long." };
      const range = [headersEnd + 4, end] as const;
      found = { model: body.toString('utf8', ...range), range };
    }
    at = end + 2;
  }
  return { fault: `the form has more than ${MAX_PARTS} parts.` };
}

function boundaryOf(contentType: string): string | undefined {
  const match = /^multipart\/form-data\b.*?;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  return match?.[1] ?? match?.[2];
}

function partName(headers: string): string | undefined {
  const disposition = /^content-disposition:\s*form-data\b(.*)$/im.exec(headers)?.[1];
  const match = disposition && /;\s*name=(?:"([^"]*)"|([^\s;]+))/i.exec(disposition);
  return match ? (match[1] ?? match[2]) : undefined;
}
