import type { IncomingMessage } from 'node:http';
import type { ListenerConfig } from '../config/config.ts';
import { RouterError } from '../errors.ts';
import { presentedKey } from '../pipeline/authenticate.ts';
import type { PipelineDeps } from '../pipeline/state.ts';

const LOOPBACK = /^(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\]|(?:[\w-]+\.)*localhost)$/;
const CHALLENGE = 'Basic realm="vllm-router", charset="UTF-8"';

/**
 * Who may use the admin endpoints of a listener: whoever has one of its keys, or, without `auth`, whoever reaches it, but no web
 * page of somebody else that a browser on this machine shows. Throws what the client gets; returns the key's name, empty without.
 */
export function checkAccess(
  request: IncomingMessage,
  listener: ListenerConfig,
  authenticate: PipelineDeps['authenticate'],
): string {
  checkSite(request);
  if (listener.auth === undefined) {
    checkHost(request, listener);
    return '';
  }
  const key = adminKey(request);
  const holder = key === undefined ? undefined : authenticate(listener, key);
  if (holder !== undefined) return holder.name;
  throw new RouterError('unauthorized', {}, { headers: { 'www-authenticate': CHALLENGE, connection: 'close' } });
}

/**
 * DNS rebinding: a page at evil.example whose name turns into 127.0.0.1 may read what is served there, and the browser takes both for
 * one site. Only the Host header tells. With `auth` there is nothing to read: browsers keep a key for the site it was given to.
 */
function checkHost({ socket, headers }: IncomingMessage, listener: ListenerConfig): void {
  if (!isLoopbackAddress(socket.localAddress ?? '')) return;
  const host = (headers.host ?? '').toLowerCase().replace(/:\d*$/, '');
  if (LOOPBACK.test(host) || host === listener.host || host === `[${listener.host}]`) return;
  throw new RouterError('host_not_allowed', { host: (headers.host ?? '').slice(0, 100) });
}

function isLoopbackAddress(address: string): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./.test(address);
}

/**
 * Cross-site requests, by what browsers say of where they come from; other clients say nothing and are none. A link from elsewhere
 * may lead here. The rule of Go's http.CrossOriginProtection, and nothing simple forms can send is read.
 */
export function checkSite({ method, headers }: IncomingMessage): void {
  const site = headers['sec-fetch-site'];
  const crossed =
    site === undefined ? isForeign(headers.origin, headers.host) : site !== 'same-origin' && site !== 'none';
  const link = headers['sec-fetch-mode'] === 'navigate' && (method === 'GET' || method === 'HEAD');
  if (crossed && !link) throw new RouterError('cross_site_request');
  const type = headers['content-type'];
  if (method === 'POST' && type !== undefined && !/^application\/json\s*(?:;|$)/i.test(type)) {
    throw new RouterError('unsupported_media_type', { detail: "The Content-Type must be 'application/json'." });
  }
}

function isForeign(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== host?.toLowerCase();
}

/** As clients of the API send it, or as browsers do after asking for a name and a password: the key is the password. */
function adminKey({ headers }: IncomingMessage): string | undefined {
  const basic = /^Basic +([\w+/=-]+)$/i.exec(headers.authorization ?? '')?.[1];
  if (basic === undefined) return presentedKey(headers);
  const text = Buffer.from(basic, 'base64').toString();
  return text.slice(text.indexOf(':') + 1) || undefined;
}
