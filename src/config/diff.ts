import { isDeepStrictEqual } from 'node:util';
import { parseDuration, parseSize } from '../units.ts';
import { formatPath } from './path.ts';
import { branch, memberSchema, resolve, SCHEMA, type Schema } from './schema.ts';
import type { Path, Plain } from './tree.ts';
import { normaliseUrl } from './url.ts';

export type Reload = 'hot' | 'rebind' | 'restart';

/** One difference between two effective documents. */
export interface Change {
  readonly kind: 'added' | 'removed' | 'changed' | 'moved';
  /** Routes and backends go by name and URL in it: `routes.chat.retry.attempts`. */
  readonly path: string;
  /** A policy that changes in the same way in several routes is one change; `path` then starts below the route. */
  readonly routes?: readonly string[];
  readonly before?: Plain;
  readonly after?: Plain;
  /** What it takes while the router runs. */
  readonly reload: Reload;
}

type Values = { readonly [key: string]: Plain };

interface Found extends Omit<Change, 'path'> {
  readonly at: Path;
}

/**
 * What changes for requests between two effective documents. `defaults` count by what reaches the routes; `60s` is `1m`;
 * routes are told apart by name and backends by URL, so that a new one at the top is one change.
 */
export function diffDocuments(before: Plain, after: Plain): Change[] {
  const { defaults: _, ...from } = before as Values;
  const { defaults: __, ...to } = after as Values;
  return group(compare(from, to, SCHEMA, []));
}

function compare(before: Plain, after: Plain, schema: Schema, at: Path): Found[] {
  const rules = resolve(schema);
  const reload = rules['x-reload'] ?? 'hot';
  if (isMap(before) && isMap(after)) return compareMaps(before, after, rules, at, reload);
  if (Array.isArray(before) && Array.isArray(after) && rules.items) {
    const key = identity(before, after);
    if (key) return compareItems(before as Values[], after as Values[], key, rules.items, at, reload);
  }
  const same = isDeepStrictEqual(canonical(before, rules, at), canonical(after, rules, at));
  return same ? [] : [{ kind: 'changed', at, before, after, reload }];
}

function compareMaps(before: Values, after: Values, rules: Schema, at: Path, reload: Reload): Found[] {
  let members = rules;
  if (rules.discriminator) {
    const tag = rules.discriminator.propertyName;
    if (before[tag] !== after[tag])
      return [{ kind: 'changed', at, before: { ...before }, after: { ...after }, reload }];
    members = branch(rules, after[tag]) ?? rules;
  }
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key): Found[] => {
    const member = memberSchema(members, key) ?? {};
    const path = [...at, key];
    const [from, to] = [own(before, key), own(after, key)];
    if (from !== undefined && to !== undefined) return compare(from, to, member, path);
    const change = resolve(member)['x-reload'] ?? 'hot';
    if (to !== undefined) return [{ kind: 'added', at: path, after: to, reload: change }];
    return [{ kind: 'removed', at: path, before: from!, reload: change }];
  });
}

function compareItems(
  before: readonly Values[],
  after: readonly Values[],
  key: string,
  schema: Schema,
  at: Path,
  reload: Reload,
): Found[] {
  // By name: a reload with a thousand backends must not compare each with each.
  const byName = (items: readonly Values[]) => new Map(items.map((item) => [identifier(item, key), item]));
  const [old, fresh] = [byName(before), byName(after)];
  const found = [...fresh].flatMap(([name, item]): Found[] => {
    const path = [...at, name];
    const other = old.get(name);
    return other ? compare(other, item, schema, path) : [{ kind: 'added', at: path, after: { ...item }, reload }];
  });
  for (const [name, item] of old) {
    if (!fresh.has(name)) found.push({ kind: 'removed', at: [...at, name], before: { ...item }, reload });
  }
  // Only the order of routes means something.
  const was = [...old.keys()].filter((name) => fresh.has(name));
  const is = [...fresh.keys()].filter((name) => old.has(name));
  if (key === 'name' && !isDeepStrictEqual(was, is)) found.push({ kind: 'moved', at, before: was, after: is, reload });
  return found;
}

function identity(before: readonly Plain[], after: readonly Plain[]): string | undefined {
  const items = [...before, ...after];
  return ['name', 'url'].find(
    (key) => items.length > 0 && items.every((item) => isMap(item) && typeof item[key] === 'string'),
  );
}

function identifier(item: Values, key: string): string {
  const text = String(item[key]);
  return key === 'url' ? (normaliseUrl(text) ?? text) : text;
}

/** Two texts for the same amount or address are the same. */
function canonical(value: Plain, rules: Schema, at: Path): Plain {
  if (typeof value !== 'string') return value;
  if (rules['x-unit'] === 'duration') return parseDuration(value) ?? value;
  if (rules['x-unit'] === 'size') return parseSize(value) ?? value;
  return at.at(-1) === 'url' ? (normaliseUrl(value) ?? value) : value;
}

/** A change of `defaults` arrives in many routes; it is told once, with their names. */
function group(found: readonly Found[]): Change[] {
  const changes: Change[] = [];
  const shared = new Map<string, string[]>();
  for (const { at, ...change } of found) {
    const policy =
      at[0] === 'routes' && at.length > 2 && Object.hasOwn(SCHEMA.properties!['defaults']!.properties!, at[2]!);
    if (!policy) {
      changes.push({ ...change, path: formatPath(at) });
      continue;
    }
    const path = formatPath(at.slice(2));
    const key = JSON.stringify([path, change]);
    const routes = shared.get(key);
    if (routes) routes.push(String(at[1]));
    else {
      const names = [String(at[1])];
      shared.set(key, names);
      changes.push({ ...change, path, routes: names });
    }
  }
  return changes;
}

function own(values: Values, key: string): Plain | undefined {
  return Object.hasOwn(values, key) ? values[key] : undefined;
}

function isMap(value: Plain): value is { [key: string]: Plain } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
