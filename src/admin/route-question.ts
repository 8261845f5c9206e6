import type { IncomingHttpHeaders } from 'node:http';
import type { PickRequest } from '../algorithms/algorithm.ts';
import type { AlgorithmConfig } from '../config/config.ts';
import { type JsonMembers, scanMembers } from '../proxy/json-scan.ts';

/** A request that somebody asks about. */
export interface RouteQuestion {
  readonly model: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Put where the route's algorithm reads its session key. */
  readonly session?: string | undefined;
  /** Of a chat with one message. */
  readonly prompt?: string | undefined;
}

/** The question as a request that algorithms can look at. */
export class AskedRequest implements PickRequest {
  /** After aliases. */
  readonly model: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly #members: JsonMembers;

  constructor(question: RouteQuestion, model: string, algorithm: AlgorithmConfig) {
    const { session, prompt } = question;
    const place = session === undefined ? undefined : sessionPlace(algorithm);
    const fields = place?.kind === 'body field' ? { [place.name]: session } : {};
    const messages = prompt === undefined ? {} : { messages: [{ role: 'user', content: prompt }] };
    this.model = model;
    this.headers = {
      ...question.headers,
      ...(place?.kind === 'header' && { [place.name.toLowerCase()]: session }),
      ...(place?.kind === 'cookie' && { cookie: `${place.name}=${session}` }),
    };
    this.body = Buffer.from(JSON.stringify({ model: question.model, ...fields, ...messages }));
    // Just written, so it can be read.
    this.#members = scanMembers(this.body) as JsonMembers;
  }

  bodyField(name: string): string | undefined {
    const value = this.#members.value(name);
    return typeof value === 'string' ? value : undefined;
  }

  promptRange(): readonly [start: number, end: number] | undefined {
    return this.#members.range('messages');
  }
}

/** Where a session algorithm reads its key; undefined for other algorithms. */
export function sessionPlace(
  algorithm: AlgorithmConfig,
): { kind: 'header' | 'cookie' | 'body field'; name: string } | undefined {
  if (algorithm.type !== 'session') return undefined;
  const { header, cookie, bodyField, key } = algorithm;
  if (cookie !== undefined) return { kind: 'cookie', name: cookie };
  if (bodyField !== undefined) return { kind: 'body field', name: bodyField };
  const name = header ?? key;
  return name === undefined ? undefined : { kind: 'header', name };
}
