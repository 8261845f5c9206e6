import { isDeepStrictEqual } from 'node:util';
import { checkAccess } from './access.ts';
import type { AdminListenerDeps, AdminRequest } from './admin-deps.ts';
import { PAGE, SCRIPT_HASH, STYLE_HASH } from './status-page.ts';

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-length': Buffer.byteLength(PAGE),
  // Nothing but what the page itself holds runs, loads or looks; Trusted Types make the ways of text into markup throw.
  'content-security-policy': [
    "default-src 'none'",
    `script-src '${SCRIPT_HASH}'`,
    `style-src '${STYLE_HASH}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
};

/** The status page: one file, nothing loaded from elsewhere. */
export function getPage({ res }: AdminRequest): void {
  res.writeHead(200, HEADERS);
  res.end(PAGE);
}

/** What it shows, as it changes. */
export function getEvents({ req, res, listener }: AdminRequest, deps: AdminListenerDeps): void {
  if (req.method === 'HEAD') {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.end();
    return;
  }
  deps.feed.open(res, () => {
    const now = deps.snapshot().config.listeners[listener.name];
    if (now === undefined || !now.serve.includes('admin')) return false;
    const { host, port, tls, auth } = listener;
    if (
      !isDeepStrictEqual({ host, port, tls, auth }, { host: now.host, port: now.port, tls: now.tls, auth: now.auth })
    ) {
      return false;
    }
    try {
      checkAccess(req, now, deps.authenticate);
      return true;
    } catch {
      return false;
    }
  });
}
