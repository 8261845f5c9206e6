import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { ClusterAccess, Connection } from './access.ts';
import { statusError, toApiError } from './api-error.ts';

const MAX_STATUS = 64 * 1024;

export interface ApiRequest {
  readonly method?: 'GET' | 'PATCH';
  /** Below the server, such as `/api/v1/namespaces/vllm/pods`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** A merge patch. */
  readonly body?: string;
  readonly signal: AbortSignal;
  /** ms until the head of the answer. */
  readonly headTimeout: number;
  /** ms without a byte of the body. */
  readonly idleTimeout: number;
  readonly gzip?: boolean;
}

/** Calls of one API server, as the account that `access` finds. */
export class KubeApi {
  readonly #access: ClusterAccess;

  constructor(access: ClusterAccess) {
    this.#access = access;
  }

  /** The body of a 2xx answer, decoded; anything else rejects with an ApiError. What goes wrong later is thrown by the body. */
  async request(request: ApiRequest): Promise<Readable> {
    let connection = await this.#access.connection();
    let answer = await send(connection, request);
    if (answer.statusCode === 401) {
      // A rotated token lies in its file before the old one ends; waiting for a back-off would only be blindness.
      const refused = connection.headers['authorization'];
      connection = await this.#access.connection(true);
      if (connection.headers['authorization'] !== refused) {
        answer.body.destroy();
        answer = await send(connection, request);
      }
    }
    if (answer.statusCode < 200 || answer.statusCode > 299) {
      const text = await readStatus(answer.body);
      throw statusError(answer.statusCode, text, header(answer.headers['retry-after']));
    }
    if (header(answer.headers['content-encoding']) !== 'gzip') return answer.body;
    const { body } = answer;
    const plain = createGunzip();
    body.on('error', (error) => plain.destroy(error));
    plain.on('close', () => body.destroy());
    return body.pipe(plain);
  }
}

async function send(connection: Connection, request: ApiRequest) {
  const server = new URL(connection.server);
  const query = new URLSearchParams(request.query).toString();
  try {
    const answer = await connection.dispatcher.request({
      origin: server.origin,
      path: `${server.pathname.replace(/\/$/, '')}${request.path}${query && `?${query}`}`,
      method: request.method ?? 'GET',
      headers: {
        ...connection.headers,
        accept: 'application/json',
        'user-agent': 'vllm-router',
        ...(request.gzip && { 'accept-encoding': 'gzip' }),
        ...(request.body !== undefined && { 'content-type': 'application/merge-patch+json' }),
      },
      body: request.body ?? null,
      signal: request.signal,
      headersTimeout: request.headTimeout,
      bodyTimeout: request.idleTimeout,
    });
    // Destroying a body that is not read emits an error, which without a listener would end the process.
    answer.body.on('error', () => {});
    return answer;
  } catch (error) {
    throw toApiError(error, 'request');
  }
}

async function readStatus(body: Readable): Promise<string> {
  let text = '';
  try {
    for await (const chunk of body) {
      text += chunk;
      if (text.length > MAX_STATUS) break;
    }
  } catch {
    // The status alone has to do.
  }
  return text;
}

function header(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
