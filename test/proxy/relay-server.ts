import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { type ApiKind, apiKind } from '../../src/proxy/api-kind.ts';
import type { AttemptResult } from '../../src/proxy/attempt-result.ts';
import { ClientWriter } from '../../src/proxy/client-writer.ts';
import { Relay } from '../../src/proxy/relay.ts';
import { pool, scripted } from './upstream/scripted.ts';

export interface RelayServer {
  readonly url: string;
  /** One for each request, in their order. */
  readonly relays: Relay[];
  readonly results: Promise<AttemptResult>[];
  readonly firstBytes: boolean[];
}

/** A server that relays each request once to a backend which does what `answer` says; held answers are sent as they are. */
export async function relayServer(
  t: TestContext,
  answer: (socket: Socket, request: string) => void,
  options: { kind?: ApiKind; choices?: number } = {},
): Promise<RelayServer> {
  const backend = await scripted(t, answer);
  const upstream = pool(t, backend.url);
  const relays: Relay[] = [];
  const results: Promise<AttemptResult>[] = [];
  const firstBytes: boolean[] = [];
  const server = createServer((request, response) => {
    const client = new ClientWriter(response);
    const hooks = {
      now: () => performance.now(),
      choices: options.choices ?? 1,
      onFirstByte: (_now: number, ofStream: boolean) => {
        firstBytes.push(ofStream);
      },
      onBegin: () => {},
      onPiece: () => {},
    };
    const done = new Promise<AttemptResult>((resolve) => {
      const relay = new Relay(client, options.kind ?? apiKind(request.url!), 'id-1', hooks, resolve);
      relays.push(relay);
      response.once('close', () => relay.leave());
      const sent = { method: 'POST', path: request.url!, headerLines: '', body: undefined };
      relay.attach(upstream.send(sent, relay, 1_000));
    });
    results.push(done);
    void done.then((result) => {
      if (result.type === 'answered') client.sendWhole(result.answer.status, result.answer.headers, result.answer.body);
      if (result.type === 'failed') response.writeHead(502).end(result.reason);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, relays, results, firstBytes };
}
