import { RouterError } from '../errors.ts';
import type { ClientRequest } from '../proxy/client/client-exchange.ts';

/** RFC 3986 §3.2: a registered name or an address, and a port. */
const HOST = /^(?:\[[\dA-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(?::\d{0,5})?$/;
const CLOSE = { headers: { connection: 'close' } };

/**
 * Refuses what Node's parser lets pass although two parties on the way could read it differently: other versions, two hosts or none, a
 * framing that HTTP/1.0 does not know. All end the connection: where the next request begins is in doubt.
 */
export function checkProtocol(request: ClientRequest): void {
  const { httpVersionMajor, httpVersionMinor, headers, method } = request;
  if (httpVersionMajor !== 1 || httpVersionMinor > 1) {
    if (httpVersionMajor === 0) throw bad('the request line has no version of HTTP');
    throw new RouterError('http_version_not_supported', {}, CLOSE);
  }
  checkHost(request);
  if (httpVersionMinor === 0 && headers['transfer-encoding'] !== undefined)
    throw bad('HTTP/1.0 has no Transfer-Encoding');
  if (method === 'TRACE' || method === 'CONNECT') {
    throw new RouterError(
      'method_not_allowed',
      { method, allow: 'GET, HEAD, POST' },
      { headers: { allow: 'GET, HEAD, POST', connection: 'close' } },
    );
  }
  // Clients that could speak HTTP/2 offer it with any request; leaving that offer alone is an answer to it, as vLLM's is.
  if (headers.upgrade !== undefined && headers.upgrade.toLowerCase() !== 'h2c') {
    throw new RouterError('not_implemented', { detail: 'Other protocols are not spoken here.' }, CLOSE);
  }
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue') {
    throw new RouterError('expectation_failed', {}, CLOSE);
  }
}

function checkHost({ rawHeaders, headers, httpVersionMinor }: ClientRequest): void {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length === 4 && name.toLowerCase() === 'host') count++;
  }
  if (count > 1) throw bad('there are two Host headers');
  if (count === 0 && httpVersionMinor === 1) throw bad('the Host header is missing');
  if (count === 1 && !HOST.test(headers.host!)) throw bad('the Host header is not valid');
}

function bad(detail: string): RouterError {
  return new RouterError('bad_request', { detail }, CLOSE);
}
