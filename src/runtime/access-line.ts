import type { RoutedRequest } from '../pipeline/routed-request.ts';

/** Fields of one request's log line; times in ms. Never bodies, headers or keys. */
export function accessLine(routed: RoutedRequest, status: number, elapsed: number): Record<string, string | number> {
  const line: Record<string, string | number> = {
    request: routed.id,
    listener: routed.listener.name,
    path: routed.path,
    model: routed.askedModel,
    route: routed.route?.name ?? '',
    backend: routed.backend?.spec.name ?? '',
    status,
    flag: routed.flag,
    attempts: routed.attempts,
    ms: Math.round(elapsed * 10) / 10,
    ttft: routed.ttft < 0 ? -1 : Math.round(routed.ttft * 10) / 10,
    bytes: routed.bytes,
  };
  if (routed.keyName !== '') line.key = routed.keyName;
  if (routed.error !== '') line.error = routed.error;
  if (routed.usage !== undefined) {
    line.promptTokens = routed.usage.promptTokens;
    line.completionTokens = routed.usage.completionTokens;
    if (routed.usage.cachedTokens !== undefined) line.cachedTokens = routed.usage.cachedTokens;
  }
  return line;
}
