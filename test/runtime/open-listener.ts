import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { ListenerConfig } from '../../src/config/config.ts';
import { Listener } from '../../src/runtime/listener.ts';
import { certificate } from '../fakes/certificate.ts';

const TLS = certificate();

type Rest = ConstructorParameters<typeof Listener> extends [unknown, ...infer More] ? More : never;

/** A listener without a router, plain or with TLS, and what opens connections to it; both are gone with the test. */
export async function openListener(
  t: TestContext,
  { name, serve, secure }: Pick<ListenerConfig, 'name' | 'serve'> & { readonly secure: boolean },
  ...rest: Rest
): Promise<{ listener: Listener; open(): Socket }> {
  const tls = secure && { tls: { certFile: TLS.certFile, keyFile: TLS.keyFile } };
  const settings = { host: '127.0.0.1', port: 0, maxBodySize: 1_000, allowExplain: false };
  const listener = new Listener({ name, serve, ...settings, ...tls }, ...rest);
  await listener.open();
  t.after(() => listener.destroy());
  const { port } = listener.address;
  const open = () => {
    const socket = secure ? connectTls({ port, ca: TLS.cert, host: '127.0.0.1' }) : connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    return socket;
  };
  return { listener, open };
}
