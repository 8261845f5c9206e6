import { randomUUID } from 'node:crypto';

/** Ids go into logs and headers: what is longer or has other characters is replaced, not repeated. */
const ACCEPTABLE = /^[\x21-\x7e]{1,128}$/;

/** The client's `X-Request-Id`, so that its traces and ours meet; a new UUID otherwise. */
export function requestId(header: string | string[] | undefined): string {
  return typeof header === 'string' && ACCEPTABLE.test(header) ? header : randomUUID();
}
