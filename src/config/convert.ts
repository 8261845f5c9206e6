import { parseDuration, parseSize } from '../units.ts';
import { memberSchema, SCHEMA, type Schema, schemaFor } from './schema.ts';
import type { MapNode, Node, Plain } from './tree.ts';

/** A valid tree as plain values, durations in ms and sizes in bytes as the schema's `x-unit` says. */
export function convert(root: MapNode): Plain {
  return convertAs(root, SCHEMA);
}

/** The same for a part of a document. */
export function convertAs(node: Node, schema: Schema | undefined): Plain {
  const rules = schema && schemaFor(schema, node);
  if (node.kind === 'scalar') {
    if (rules?.['x-unit'] === 'duration') return parseDuration(String(node.value))!;
    if (rules?.['x-unit'] === 'size') return parseSize(String(node.value))!;
    return node.value;
  }
  if (node.kind === 'list') return node.items.map((item) => convertAs(item, rules?.items));
  return Object.fromEntries(
    [...node.entries].map(([key, entry]) => [key, convertAs(entry.value, rules && memberSchema(rules, key))]),
  );
}
