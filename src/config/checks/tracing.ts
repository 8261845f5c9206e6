import type { DocumentView } from '../document.ts';
import type { Path } from '../tree.ts';
import { checkedUrl } from './url.ts';

const ENDPOINT: Path = ['tracing', 'endpoint'];
/** What the export says itself. */
const OWN_HEADERS = ['content-type', 'content-length', 'transfer-encoding', 'host', 'connection'];

export function checkTracing(view: DocumentView): void {
  checkEndpoint(view);
  for (const [name, path] of view.entries(['tracing', 'headers'])) {
    if (!OWN_HEADERS.includes(name.toLowerCase())) continue;
    view.reportKey('setting-without-effect', path, `the export has its own ${name.toLowerCase()}`);
  }
}

function checkEndpoint(view: DocumentView): void {
  const url = checkedUrl(view, ENDPOINT, { password: 'use headers: { authorization: { env: NAME } }' });
  if (url?.port !== '4317') return;
  view.report('grpc-port', ENDPOINT, '4317 is the usual port for OTLP over gRPC, and spans are sent over HTTP', {
    hint: 'collectors take that at 4318',
  });
}
