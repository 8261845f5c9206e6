import { Agent, request } from 'node:http';
import { sseEvents } from '../fakes/framing.ts';
import { CHAT, chat } from './fleet.ts';

export interface Outcome {
  readonly status: number;
  /** ms from sending to the end. */
  readonly took: number;
  readonly body: string;
  /** Ended by its framing, and a stream by `[DONE]`. */
  readonly clean: boolean;
}

/** Keep-alive connections as an SDK holds them. */
export const agent = new Agent({ keepAlive: true, maxSockets: 1_000 });

/** A request that takes longer hangs, ms. */
const PATIENCE = 45_000;

/** One request that never rejects: a connection that fails is status 0. */
export function send(url: string, model: string, more: Readonly<Record<string, unknown>> = {}): Promise<Outcome> {
  const started = performance.now();
  const body = JSON.stringify(chat(model, more));
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    const finish = (status: number, clean: boolean) => {
      clearTimeout(timer);
      const text = Buffer.concat(pieces).toString();
      const whole = clean && (more['stream'] !== true || status !== 200 || sseEvents(text).at(-1)?.data === '[DONE]');
      resolve({ status, took: performance.now() - started, body: text, clean: whole });
    };
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request(url + CHAT, { method: 'POST', agent, headers }, (response) => {
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () => finish(response.statusCode!, true));
      response.on('error', () => finish(response.statusCode!, false));
    });
    sent.on('error', (error) => {
      pieces.push(Buffer.from(String(error)));
      finish(0, false);
    });
    const timer = setTimeout(() => {
      pieces.push(Buffer.from(`hung; its socket: ${JSON.stringify(sent.socket?.address())}`));
      finish(-1, false);
      sent.destroy();
    }, PATIENCE);
    sent.end(body);
  });
}

/** Sends at a steady rate, whatever comes back (open loop), for `ms`; resolves when all have ended. */
export async function arrivals(
  rate: number,
  ms: number,
  send: (count: number) => Promise<Outcome>,
): Promise<readonly Outcome[]> {
  const started = performance.now();
  const running: Promise<Outcome>[] = [];
  while (performance.now() - started < ms) {
    const due = Math.floor(((performance.now() - started) / 1_000) * rate);
    while (running.length < due) running.push(send(running.length));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return Promise.all(running);
}
