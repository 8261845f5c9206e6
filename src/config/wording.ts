import type { Schema } from './schema.ts';
import type { Node } from './tree.ts';

const TYPES: Readonly<Record<string, string>> = {
  object: 'a map',
  array: 'a list',
  string: 'a string',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

export const BIND = '^(\\[[0-9A-Fa-f:.]+';
export const ENV_NAME = '^[A-Za-z_]';
export const HEADER_NAME = 'the name of an HTTP header';
export const URL_START = '^[Hh][Tt][Tt][Pp]';

/** Patterns that need a word of their own, by the start of the schema's pattern. */
const FORMS: readonly { readonly pattern: string; readonly words: string }[] = [
  { pattern: BIND, words: 'host:port, such as 0.0.0.0:8001 or "[::]:8001"' },
  { pattern: URL_START, words: 'an http:// or https:// URL without query' },
  { pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$', words: 'a name of letters, digits, dots, dashes and underscores' },
  { pattern: ENV_NAME, words: 'the name of an environment variable' },
  { pattern: '^[a-z0-9]([-a-z0-9]', words: 'the name of a Kubernetes namespace' },
  { pattern: '^/', words: 'a path that starts with /' },
  { pattern: '^[A-Za-z0-9!#', words: HEADER_NAME },
];

/** What the schema wants, as the object of "expected". */
export function expectation(schema: Schema): string {
  if (schema['x-unit'] === 'duration') return 'a duration such as "10s" or "1m30s"';
  if (schema['x-unit'] === 'size') return 'a size such as "32MiB"';
  if (schema['x-secret']) return 'a secret as { env: NAME } or { file: PATH }';
  if (schema.enum) return `one of ${schema.enum.join(', ')}`;
  if (schema.const !== undefined) return String(schema.const);
  const form = FORMS.find(({ pattern }) => schema.pattern?.startsWith(pattern));
  if (form) return form.words;
  const type = TYPES[schema.type ?? ''] ?? 'another value';
  const { minimum, maximum, exclusiveMinimum } = schema;
  if (minimum !== undefined && maximum !== undefined) return `${type} from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return `${type} of at least ${minimum}`;
  if (exclusiveMinimum === undefined) return type;
  return `${type} above ${exclusiveMinimum}${maximum === undefined ? '' : ` and up to ${maximum}`}`;
}

/** `http://user:password@host` → `http://…@host`. */
export function withoutPassword(text: string): string {
  return text.replace(/(\/\/)[^/@\s]*@/g, '$1…@');
}

/** The same, and what follows `?` in a URL, where keys stand as well. */
function withoutSecrets(text: string): string {
  return withoutPassword(text).replace(/^(\w+:\/\/[^\s?]*\?).+/, '$1…');
}

/** The value as it may be shown: secrets and what came from the environment stay hidden. */
export function describeValue(node: Node, schema: Schema): string {
  if (node.kind === 'map') return 'a map';
  if (node.kind === 'list') return 'a list';
  if (node.value === null) return 'nothing';
  if (schema['x-secret']) return typeof node.value === 'string' ? 'a string' : 'a plain value';
  if (node.expanded !== undefined) return `the value of ${node.raw}`;
  if (typeof node.value !== 'string') return node.raw;
  const text = withoutSecrets(node.value);
  return text.length > 60 ? 'a long string' : JSON.stringify(text);
}
