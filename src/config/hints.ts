import { isIPv6 } from 'node:net';
import type { Schema } from './schema.ts';
import { resolve, tagsOf } from './schema.ts';
import { closest } from './suggest.ts';
import type { ListNode, MapNode, Node } from './tree.ts';
import { BIND, ENV_NAME, URL_START } from './wording.ts';

/** What is most likely missing from a text that does not fit its pattern. */
export function formHint(node: Node, schema: Schema): string | undefined {
  if (node.kind !== 'scalar' || node.expanded !== undefined) return undefined;
  const text = String(node.value);
  if (schema.pattern?.startsWith(ENV_NAME)) return undefined;
  const variable = variableHint(text);
  if (variable !== undefined) return variable;
  if (schema['x-unit']) return unitHint(text, schema['x-unit']);
  if (schema.pattern?.startsWith(BIND)) return bindHint(text);
  if (schema.pattern?.startsWith(URL_START)) return urlHint(text);
  return undefined;
}

/** `$PORT`, `$(PORT)` and `%PORT%`, as shells and Kubernetes have it; and quotes that are none. */
export function variableHint(text: string): string | undefined {
  if (/^[\u2018-\u201f]/.test(text)) return 'these are typographic quotes: write "…" or none';
  const bare = /\$([A-Za-z_]\w*)|\$\(([A-Za-z_]\w*)\)|%([A-Za-z_]\w*)%/g;
  // A password in a URL may hold anything, and is not shown.
  if (text.length > 200 || text.includes('@') || !bare.test(text)) return undefined;
  return `write ${text.replace(bare, (_, ...names) => `\${${names.slice(0, 3).join('')}}`)} if that is a variable`;
}

/** `10 minutes` → `10m`, `32mb` → `32MB`; where it would be a guess, what there is. */
function unitHint(text: string, kind: 'duration' | 'size'): string | undefined {
  const units = kind === 'size' ? 'B, KB, MB, GB, KiB, MiB, GiB' : 'ms, s, m, h, d';
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text);
  if (!match) return `a number with one of the units ${units}`;
  const unit = match[2]!.toLowerCase();
  const found =
    kind === 'size'
      ? /^([kmg])(i?)b?$/.exec(unit)?.slice(1).join('')
      : /^(ms|milli|s(?:ec|$)|m(?:in|$)|h(?:ours?|rs?|$)|d(?:ays?|$))/.exec(unit)?.[1];
  if (found === undefined) return `the units are ${units}`;
  if (kind === 'duration') return `write ${match[1]}${/^m(?:s|illi)/.test(found) ? 'ms' : found[0]}`;
  return `write ${match[1]}${found[0] === 'k' && found.length === 1 ? 'KB' : `${found[0]!.toUpperCase()}${found.slice(1)}B`}`;
}

function bindHint(text: string): string | undefined {
  const [, host, port] = /^(.*):(\d{2,5})$/.exec(text) ?? [];
  const url = /^https?:\/\/([^/\s]+?)\/?$/.exec(text)?.[1];
  if (url !== undefined) return `write ${/:\d+$/.test(url) ? url : `${url}:80`}`;
  if (port !== undefined && (host === '' || host === '*')) return `write 0.0.0.0:${port}`;
  // `::8001` is an address by itself, and never meant as one.
  if (port !== undefined && host === ':') return `write "[::]:${port}"`;
  if (port !== undefined && isIPv6(host!)) return `write "[${host}]:${port}"`;
  if (isIPv6(text)) return `add a port: "[${text}]:8001"`;
  if (/^\d{1,5}$/.test(text)) return `write 0.0.0.0:${text}`;
  return /^[^\s:/]+$/.test(text) ? `add a port: ${text}:8001` : undefined;
}

function urlHint(text: string): string | undefined {
  const slash = /^(https?):\/?([\w.-]+(:\d+)?(\/[^\s?#@]*)?)$/i.exec(text);
  if (slash) return `write ${slash[1]}://${slash[2]}`;
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
  if (schema.type === 'array' && node.kind === 'map') {
    const glued = [...node.entries.keys()][0]?.startsWith('-');
    return glued ? 'put a space after each "-"' : 'begin each item with "- "';
  }
  if (schema.properties?.['from'] && (node.kind === 'list' || (node.kind === 'scalar' && node.value !== null))) {
    const names = (node.kind === 'list' ? node.items : [node]).map((item) => (item.kind === 'scalar' ? item.raw : '…'));
    return `write { from: [${names.join(', ')}] }`;
  }
  if (schema.type === 'object' && node.kind === 'list') return namesHint(node, schema);
  if (schema.type === 'string' && node.kind !== 'scalar') return selectorHint(node, schema);
  if (node.kind !== 'scalar') return undefined;
  if (node.value === null && schema.type === 'string' && node.raw !== '')
    return `quote it if it is text: "${node.raw}"`;
  if (node.value === null) return emptyHint(schema);
  if (schema.type === 'object') return mapHint(node.value, schema);
  if (typeof node.value === 'number' && /^[+-]?0\d/.test(node.raw)) {
    return `a leading 0 is dropped: YAML reads ${node.raw} as ${node.value}; quote it if it is text`;
  }
  if (schema.type === 'boolean' && /^(yes|no|on|off)$/i.test(String(node.value))) {
    return `write ${/^(yes|on)$/i.test(String(node.value)) ? 'true' : 'false'}; YAML 1.2 knows no yes, no, on, off`;
  }
  if (schema.type === 'boolean' && /^(true|false)$/i.test(String(node.value))) {
    return `without quotes: ${String(node.value).toLowerCase()}`;
  }
  if (schema.type === 'string') return formHint(node, schema) ?? `quote it: "${node.raw}"`;
  if (schema.type === 'integer' || schema.type === 'number')
    return typeof node.value === 'string' ? numberHint(node.value, schema) : undefined;
  if (schema.type === 'array' && node.expanded === undefined) return `write it as a list: [${node.raw}]`;
  return undefined;
}

/** `503` in quotes, `20%` for a share. */
function numberHint(text: string, schema: Schema): string | undefined {
  const percent = /^(\d+(?:\.\d+)?)\s*%$/.exec(text)?.[1];
  if (percent !== undefined && schema.maximum === 1) return `a share of 1: write ${Number(percent) / 100}`;
  if (/^\d{1,3}([_,' ]\d{3})+$/.test(text)) return `write ${text.replace(/\D/g, '')}`;
  return /^\d+(\.\d+)?$/.test(text) ? `without quotes: ${text}` : undefined;
}

/** `50` where a share is wanted. */
export function rangeHint(node: Node, schema: Schema): string | undefined {
  if (schema.maximum !== 1 || node.kind !== 'scalar' || typeof node.value !== 'number') return undefined;
  return node.value > 1 && node.value <= 100 ? `a share of 1: ${node.value / 100} is ${node.value} %` : undefined;
}

/** A list where names belong: `[pool=a]` for texts, `- …` for maps. */
function namesHint(node: ListNode, schema: Schema): string | undefined {
  if (typeof schema.additionalProperties !== 'object') return undefined;
  const pairs = node.items.map((item) =>
    item.kind === 'scalar' ? /^([^=:\s]+)\s*[=:]\s*(\S+)$/.exec(String(item.value)) : null,
  );
  if (pairs.length > 0 && pairs.every((pair) => pair !== null)) {
    return `write { ${pairs.map((pair) => `${pair![1]}: ${pair![2]}`).join(', ')} }`;
  }
  return 'give each a name: `NAME:` in place of "- "';
}

/** Kubernetes writes labels as a map in manifests and as one text in selectors. */
function selectorHint(node: MapNode | ListNode, schema: Schema): string | undefined {
  if (schema.pattern !== undefined || schema['x-unit'] || schema.enum) return undefined;
  const parts =
    node.kind === 'list'
      ? node.items.map((item) => (item.kind === 'scalar' ? item.raw : ''))
      : [...node.entries].map(([key, { value }]) => (value.kind === 'scalar' ? `${key}=${value.value}` : ''));
  if (parts.length === 0 || !parts.every((part) => part.includes('='))) return undefined;
  if (schema.minLength === undefined) return `write ${parts.join(',')}`;
  // A name that must not be empty is no selector: a blank has come behind its colon.
  return parts.length === 1 ? `quote it: "${parts[0]!.replace('=', ': ')}"; a colon and a blank make a map` : undefined;
}

/** A key with nothing after it: what belongs to it was forgotten, or is not indented. */
function emptyHint(schema: Schema): string {
  if (schema.type === 'object') {
    const mayBeEmpty = schema.required === undefined && schema.minProperties === undefined && !schema.discriminator;
    return mayBeEmpty ? 'write {} for an empty map, or indent what belongs to it' : 'indent what belongs to it';
  }
  if (schema.type === 'array') return 'put its items below it, each begun with "- ", or remove the key';
  return 'give it a value, or remove the key';
}

/** `least-load` where `{ type: least-load }` is meant, a URL where a backend is. */
function mapHint(value: unknown, schema: Schema): string | undefined {
  if (schema.discriminator) {
    const tag = closest(String(value), tagsOf(schema));
    return tag === undefined ? undefined : `write { ${schema.discriminator.propertyName}: ${tag} }`;
  }
  const pair = typeof value === 'string' ? /^([\w./-]+)\s*(=|:)\s*(\S.*)$/.exec(value) : null;
  if (pair && schema.properties && Object.hasOwn(schema.properties, pair[1]!)) {
    return `${pair[2] === ':' ? 'put a space after the colon:' : 'write'} ${pair[1]}: ${pair[3]}`;
  }
  if (pair && !schema.properties && !holdsSecrets(schema)) return `write { ${pair[1]}: ${pair[3]} }`;
  const [only, ...others] = schema.required ?? [];
  if (only === 'url' && others.length === 0) return `write { url: ${JSON.stringify(value)} }`;
  const keys = Object.keys(schema.properties ?? {});
  return keys.length > 0 && keys.length <= 12 ? `its keys: ${keys.join(', ')}` : undefined;
}

/** A map whose values are secrets, one of which may stand where the map was to be. */
export function holdsSecrets({ additionalProperties }: Schema): boolean {
  return typeof additionalProperties === 'object' && resolve(additionalProperties)['x-secret'] === true;
}
