import { isIPv6 } from 'node:net';
import type { Schema } from './schema.ts';
import { tagsOf } from './schema.ts';
import type { Node } from './tree.ts';
import { BIND, URL_START } from './wording.ts';

/** What is most likely missing from a text that does not fit its pattern. */
export function formHint(node: Node, schema: Schema): string | undefined {
  if (node.kind !== 'scalar' || node.expanded !== undefined) return undefined;
  const text = String(node.value);
  if (schema['x-unit']) return unitHint(text, schema['x-unit']);
  if (schema.pattern?.startsWith(BIND)) return bindHint(text);
  if (schema.pattern?.startsWith(URL_START)) return urlHint(text);
  return undefined;
}

/** `10 minutes` → `10m`, `32mb` → `32MB`; nothing where it would be a guess. */
function unitHint(text: string, kind: 'duration' | 'size'): string | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text);
  if (!match) return undefined;
  const unit = match[2]!.toLowerCase();
  const found =
    kind === 'size'
      ? /^([kmg])(i?)b?$/.exec(unit)?.slice(1).join('')
      : /^(ms|milli|s(?:ec|$)|m(?:in|$)|h(?:ours?|rs?|$)|d(?:ays?|$))/.exec(unit)?.[1];
  if (found === undefined) return undefined;
  if (kind === 'duration') return `write ${match[1]}${/^m(?:s|illi)/.test(found) ? 'ms' : found[0]}`;
  return `write ${match[1]}${found[0] === 'k' && found.length === 1 ? 'KB' : `${found[0]!.toUpperCase()}${found.slice(1)}B`}`;
}

function bindHint(text: string): string | undefined {
  const [, host, port] = /^(.*):(\d{2,5})$/.exec(text) ?? [];
  if (port !== undefined && (host === '' || host === '*')) return `write 0.0.0.0:${port}`;
  // `::8001` is an address by itself, and never meant as one.
  if (port !== undefined && host === ':') return `write "[::]:${port}"`;
  if (port !== undefined && isIPv6(host!)) return `write "[${host}]:${port}"`;
  if (isIPv6(text)) return `add a port: "[${text}]:8001"`;
  if (/^\d{1,5}$/.test(text)) return `write 0.0.0.0:${text}`;
  return /^[^\s:/]+$/.test(text) ? `add a port: ${text}:8001` : undefined;
}

function urlHint(text: string): string | undefined {
  if (/^[\w.-]+(:\d+)?(\/\S*)?$/.test(text)) return `write http://${text}`;
  if (/^https?:\/\/[^\s?#]*[?#]/i.test(text)) {
    return 'end it before the ? or #; a key for the server is apiKey: { env: NAME } or { file: PATH }';
  }
  return undefined;
}

/** A way out for a value of the wrong type, above all what YAML writers trip over. */
export function typeHint(node: Node, schema: Schema): string | undefined {
  if (schema['x-secret']) {
    return node.kind === 'scalar' ? 'secrets do not stand in the file: name where it is read' : undefined;
  }
  if (schema.type === 'array' && node.kind === 'map') return 'begin each item with "- "';
  if (schema.type === 'object' && node.kind === 'list') {
    return typeof schema.additionalProperties === 'object' ? 'give each a name: `NAME:` in place of "- "' : undefined;
  }
  if (node.kind !== 'scalar') return undefined;
  if (node.value === null) return emptyHint(schema);
  if (schema.type === 'object') return mapHint(node.raw, node.value, schema);
  if (typeof node.value === 'number' && /^[+-]?0\d/.test(node.raw)) {
    return `a leading 0 is dropped: YAML reads ${node.raw} as ${node.value}; quote it if it is text`;
  }
  if (schema.type === 'boolean' && /^(yes|no|on|off)$/i.test(String(node.value))) {
    return `write ${/^(yes|on)$/i.test(String(node.value)) ? 'true' : 'false'}; YAML 1.2 knows no yes, no, on, off`;
  }
  if (schema.type === 'string') return formHint(node, schema) ?? `quote it: "${node.raw}"`;
  if (schema.type === 'integer' || schema.type === 'number') {
    return typeof node.value === 'string' && /^\d+$/.test(node.value) ? `without quotes: ${node.value}` : undefined;
  }
  if (schema.type === 'array' && node.expanded === undefined) return `write it as a list: [${node.raw}]`;
  return undefined;
}

/** A key with nothing after it: what belongs to it was forgotten, or is not indented. */
function emptyHint(schema: Schema): string {
  if (schema.type === 'object') {
    const mayBeEmpty = schema.required === undefined && schema.minProperties === undefined && !schema.discriminator;
    return mayBeEmpty ? 'write {} for an empty map, or indent what belongs to it' : 'indent what belongs to it';
  }
  return 'give it a value, or remove the key';
}

/** `least-load` where `{ type: least-load }` is meant, a URL where a backend is. */
function mapHint(raw: string, value: unknown, schema: Schema): string | undefined {
  if (schema.discriminator) {
    return tagsOf(schema).includes(String(value))
      ? `write { ${schema.discriminator.propertyName}: ${raw} }`
      : undefined;
  }
  const [only, ...others] = schema.required ?? [];
  return only === 'url' && others.length === 0 ? `write { url: ${JSON.stringify(value)} }` : undefined;
}
