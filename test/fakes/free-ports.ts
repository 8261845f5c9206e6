import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** Undefined where the port is taken. */
export async function listen(port: number): Promise<Server | undefined> {
  const server = createServer();
  const free = await Promise.race([
    once(server, 'listening').then(() => true),
    once(server, 'error').then(() => false),
    // Listening is asked for last, so that neither event can be missed.
    new Promise<never>(() => server.listen(port, '127.0.0.1')),
  ]);
  return free ? server : undefined;
}

/** The first of `count` free ports in a row, below those that the system gives to connections and to whoever asks for port 0. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 10_000);
    const servers = await Promise.all(Array.from({ length: count }, (_, i) => listen(first + i)));
    await Promise.all(servers.map((server) => server && once(server.close(), 'close')));
    if (servers.every((server) => server !== undefined)) return first;
  }
}
