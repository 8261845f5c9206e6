import { convertAs } from './convert.ts';
import { memberSchema, resolve, SCHEMA, type Schema, schemaFor } from './schema.ts';
import {
  child,
  clone,
  DEFAULT_ORIGIN,
  fromPlain,
  type ListNode,
  type MapNode,
  mergeTrees,
  type Node,
  type Plain,
} from './tree.ts';

/**
 * Fills in what nobody wrote: the schema's defaults everywhere, `defaults` under every route, and all sources where a route
 * names none. Tolerant of invalid parts, so that references can be checked although something else is wrong.
 */
export function effectiveTree(root: MapNode): MapNode {
  const tree = clone(root) as MapNode;
  const routes = addRoutes(tree);
  fill(tree, SCHEMA, ['routes']);
  const policies = child(tree, 'defaults');
  const sources = child(tree, 'discovery');
  const names = sources?.kind === 'map' ? [...sources.entries.keys()] : [];
  for (const [index, route] of routes.items.entries()) {
    if (route.kind !== 'map') continue;
    routes.items[index] = completeRoute(route, policies?.kind === 'map' ? policies : undefined, names);
  }
  return tree;
}

function addRoutes(tree: MapNode): ListNode {
  const written = child(tree, 'routes');
  if (written?.kind === 'list') return written;
  const routes = fromPlain(resolve(SCHEMA.properties!['routes']!).default, DEFAULT_ORIGIN) as ListNode;
  if (!written) tree.entries.set('routes', { key: DEFAULT_ORIGIN, value: routes });
  return routes;
}

function completeRoute(route: MapNode, policies: MapNode | undefined, sources: readonly string[]): MapNode {
  const complete = clone(route) as MapNode;
  for (const [key, entry] of policies?.entries ?? []) {
    const own = complete.entries.get(key);
    complete.entries.set(key, {
      key: own?.key ?? entry.key,
      value: own ? mergeTrees(entry.value, own.value) : clone(entry.value),
    });
  }
  fill(complete, resolve(SCHEMA.properties!['routes']!).items!, []);
  const backends = child(complete, 'backends');
  if (backends?.kind === 'map' && !backends.entries.has('from')) {
    const where = backends.entries.get('where');
    backends.entries.delete('where');
    backends.entries.set('from', { key: DEFAULT_ORIGIN, value: fromPlain(sources, DEFAULT_ORIGIN) });
    if (where) backends.entries.set('where', where);
  }
  return complete;
}

/** The members of an algorithm that is named by its type alone. */
export function algorithmDefaults(type: string): Record<string, Plain> {
  const node = fromPlain({ type }, DEFAULT_ORIGIN);
  fill(node, SCHEMA.$defs!['algorithm']!, []);
  return convertAs(node, SCHEMA.$defs!['algorithm']!) as Record<string, Plain>;
}

function fill(node: Node, schema: Schema, except: readonly string[]): void {
  const rules = schemaFor(schema, node);
  if (!rules) return;
  if (node.kind === 'list') {
    if (rules.items) for (const item of node.items) fill(item, rules.items, []);
    return;
  }
  if (node.kind !== 'map') return;
  const excluded = excludedBy(node, rules);
  for (const [key, member] of Object.entries(rules.properties ?? {})) {
    if (except.includes(key) || node.entries.has(key) || excluded.has(key)) continue;
    const { default: value } = resolve(member);
    if (value !== undefined) node.entries.set(key, { key: DEFAULT_ORIGIN, value: fromPlain(value, DEFAULT_ORIGIN) });
  }
  inSchemaOrder(node, rules);
  for (const [key, entry] of node.entries) {
    const member = except.includes(key) ? undefined : memberSchema(rules, key);
    if (member) fill(entry.value, member, []);
  }
}

/** So that what is printed reads the same, whoever said which value. */
function inSchemaOrder(node: MapNode, rules: Schema): void {
  for (const key of Object.keys(rules.properties ?? {})) {
    const entry = node.entries.get(key);
    if (!entry) continue;
    node.entries.delete(key);
    node.entries.set(key, entry);
  }
}

/** A key whose presence another key forbids gets no default either: `portName` leaves no `port`. */
function excludedBy(node: MapNode, rules: Schema): Set<string> {
  const excluded = new Set<string>();
  for (const [key, { properties }] of Object.entries(rules.dependentSchemas ?? {})) {
    if (node.entries.has(key)) for (const name of Object.keys(properties)) excluded.add(name);
  }
  return excluded;
}
