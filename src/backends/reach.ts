import { connect } from 'node:net';
import got, { TimeoutError } from 'got';
import { addresses } from '../addresses.ts';
import { freshAgent } from '../fresh-agent.ts';
import { isOwnTrouble, isUnreachable } from './socket-errors.ts';

/** Health paths answer with nothing, or a word; what comes beyond this is not worth memory. Bytes. */
const MAX_ANSWER = 64 * 1024;

/** The machine is there and says that nobody listens. Any other error may be the network's, the resolver's or our own. */
const REFUSALS = new Set<string | undefined>(['ECONNREFUSED', 'ECONNRESET']);

/** A question that took so many ms longer than it might says nothing: this process was paused, and the answer may be there, not read yet. */
export const PAUSED = 1_000;

/** What became of a question. `unreachable`: no connection came about, and none was refused; `unasked`: it could not even be sent. */
export type Hearing = 'answer' | 'silence' | 'unreachable' | 'unasked';

/** What became of a connect. `unasked`: there was no socket for it. */
export type Reach = 'accepted' | 'refused' | 'silence' | 'unasked';

/** Whether connections are accepted there, or refused; `silence` when neither is heard within `timeout` ms. Never rejects. */
export function tryConnect(url: string, timeout: number): Promise<Reach> {
  const { hostname, port, protocol } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({
      lookup: addresses.lookup,
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
    });
    const finish = (reach: Reach) => {
      socket.destroy();
      resolve(reach);
    };
    socket.setTimeout(timeout, () => finish('silence'));
    socket.once('connect', () => finish('accepted'));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      finish(REFUSALS.has(error.code) ? 'refused' : isOwnTrouble(error) ? 'unasked' : 'silence');
    });
  });
}

/** Resolves when `url` answers 2xx or 3xx within `timeout` ms; rejects with what is wrong. */
export async function checkHealth(
  url: string,
  timeout: number,
  authorization?: string,
  signal?: AbortSignal,
): Promise<void> {
  const statusCode = await statusOf(url, timeout, authorization, signal);
  if (statusCode < 200 || statusCode >= 400) throw new Error(`status ${statusCode}`);
}

/** What is heard of `url` within `timeout` ms. Any answer counts: a server without such a path is alive, too. Never rejects. */
export async function hear(url: string, timeout: number, authorization?: string): Promise<Hearing> {
  try {
    await statusOf(url, timeout, authorization);
    return 'answer';
  } catch (error) {
    if (isOwnTrouble(error)) return 'unasked';
    if (error instanceof TimeoutError) return error.timings.connect === undefined ? 'unreachable' : 'silence';
    return isUnreachable(error) ? 'unreachable' : 'silence';
  }
}

async function statusOf(url: string, timeout: number, authorization?: string, signal?: AbortSignal): Promise<number> {
  const tooLarge = new AbortController();
  const exchange = got(url, {
    agent: freshAgent,
    followRedirect: false,
    retry: { limit: 0 },
    throwHttpErrors: false,
    decompress: false,
    timeout: { request: timeout },
    signal: signal ? AbortSignal.any([signal, tooLarge.signal]) : tooLarge.signal,
    ...(authorization !== undefined && { headers: { authorization } }),
  });
  exchange.on('downloadProgress', ({ transferred }) => {
    if (transferred > MAX_ANSWER) tooLarge.abort();
  });
  try {
    return (await exchange).statusCode;
  } catch (error) {
    if (tooLarge.signal.aborted) throw new Error(`answered more than ${MAX_ANSWER} bytes`, { cause: error });
    throw error;
  }
}
