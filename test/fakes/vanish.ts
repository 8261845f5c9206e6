import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { SpawnedEngine } from './spawn-engine.ts';

/** ms within which the kernel accepts a connection on loopback, if it does at all. */
const ACCEPTED = 300;
/** More than any queue of connections that nobody takes. */
const MOST = 5_000;
const AT_ONCE = 128;

/**
 * Makes an engine look like a machine whose packets vanish: its process is stopped and its queue of connections full, so that Linux
 * drops every further SYN. Resolves with what brings it back, together with all that its streams had to say.
 */
export async function vanish(engine: SpawnedEngine): Promise<() => void> {
  engine.signal('SIGSTOP');
  const sockets: Socket[] = [];
  for (let full = false; !full; ) {
    if (sockets.length > MOST) throw new Error('the queue of connections does not fill');
    const more = Array.from({ length: AT_ONCE }, () => connect(engine.port, '127.0.0.1').on('error', () => {}));
    sockets.push(...more);
    const all = Promise.all(more.map((socket) => once(socket, 'connect')));
    full = await Promise.race([
      all.then(() => false),
      new Promise<boolean>((done) => setTimeout(done, ACCEPTED, true)),
    ]);
    all.catch(() => {});
  }
  return () => {
    for (const socket of sockets) socket.destroy();
    engine.signal('SIGCONT');
  };
}
