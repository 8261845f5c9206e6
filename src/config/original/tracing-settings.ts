import type { Notice, Values, Write } from './settings.ts';

const GRPC_PORT = '4317';
const HTTP_PORT = '4318';

const PARTS = /^(https?:\/\/)?(\[[^\]]*\]|[^:/]*)(?::(\d+))?(\/.*)?$/i;

/**
 * The original sends traces over gRPC, to `HOST:PORT` or a URL; we send the same over HTTP, for which collectors listen one port
 * further by default.
 */
export function tracing(values: Values, write: Write, notice: Notice, complete: boolean): void {
  const text = values.get('otel-endpoint');
  const secure = values.has('otel-secure');
  const name = values.get('otel-service-name');
  if (text) {
    write(['tracing', 'endpoint'], urlOf(text, secure, notice), 'otel-endpoint');
  } else if (secure) notice('otel-secure', '--otel-secure has no effect without --otel-endpoint');
  if (!name) return;
  // A file may have an endpoint.
  if (text || !complete) write(['tracing', 'serviceName'], name, 'otel-service-name');
  else notice('otel-service-name', '--otel-service-name has no effect without --otel-endpoint');
}

/** What is none of the two stays as it is, for the schema to refuse it at its place. */
function urlOf(text: string, secure: boolean, notice: Notice): string {
  const match = PARTS.exec(text);
  if (match === null) return text;
  const [, scheme, host, port, path = ''] = match;
  if (port === GRPC_PORT) {
    notice('otel-endpoint', `--otel-endpoint: traces go over HTTP, to port ${HTTP_PORT} instead of ${GRPC_PORT}`);
  }
  const reached = port === GRPC_PORT || (port === undefined && scheme === undefined) ? HTTP_PORT : port;
  return `${scheme ?? (secure ? 'https://' : 'http://')}${host}${reached === undefined ? '' : `:${reached}`}${path}`;
}
