import type { SessionConfig } from '../config/config.ts';
import type { PickRequest } from './algorithm.ts';

/** Reads the session key of a request as the config says; undefined when it has none, and an empty one is none. */
export function sessionKeyReader(config: SessionConfig): (request: PickRequest) => string | undefined {
  const { header, cookie, bodyField, key } = config;
  if (header !== undefined) return (request) => headerValue(request, header.toLowerCase());
  if (cookie !== undefined) return (request) => cookieValue(headerValue(request, 'cookie'), cookie);
  if (bodyField !== undefined) return (request) => request.bodyField(bodyField) || undefined;
  if (key === undefined) return () => undefined;
  return (request) => headerValue(request, key.toLowerCase()) ?? (request.bodyField(key) || undefined);
}

function headerValue(request: PickRequest, name: string): string | undefined {
  const value = request.headers[name];
  return (Array.isArray(value) ? value[0] : value) || undefined;
}

function cookieValue(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined;
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    if (equals === -1 || pair.slice(0, equals).trim() !== name) continue;
    const value = pair.slice(equals + 1).trim();
    return (value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value) || undefined;
  }
  return undefined;
}
