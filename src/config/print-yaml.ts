import { Document, Pair, Scalar, YAMLMap, YAMLSeq, type Node as YamlNode } from 'yaml';
import { memberSchema, SCHEMA, type Schema, schemaFor } from './schema.ts';
import type { Node, Origin } from './tree.ts';

/** A tree as YAML that is itself a valid file; each value's comment says who said it. */
export function printYaml(root: Node): string {
  const document = new Document(build(root, SCHEMA, undefined));
  // A comment at the very end comes without its line break.
  return `${document.toString({ lineWidth: 0, flowCollectionPadding: true }).trimEnd()}\n`;
}

/** `router.yaml:12`, `--port`, `default`. */
export function formatOrigin(origin: Origin): string {
  if (origin.from === 'file') return `${origin.place.file}:${origin.place.line}`;
  return origin.from === 'flag' ? origin.flag : 'default';
}

/** `outer`: the origin that an enclosing comment tells already. */
function build(node: Node, schema: Schema | undefined, outer: string | undefined): YamlNode {
  const rules = schema && schemaFor(schema, node);
  if (node.kind === 'scalar') return comment(new Scalar(node.value), node, outer);
  if (node.kind === 'list') {
    const list = new YAMLSeq();
    const flat = node.items.every((item) => item.kind === 'scalar');
    list.flow = flat;
    const told = flat ? formatOrigin(node.origin) : outer;
    for (const item of node.items) list.items.push(build(item, rules?.items, told));
    return flat ? comment(list, node, outer) : list;
  }
  const map = new YAMLMap();
  for (const [key, { value }] of node.entries) {
    map.items.push(new Pair(new Scalar(key), build(value, rules && memberSchema(rules, key), outer)));
  }
  if (map.items.length === 0) {
    map.flow = true;
    comment(map, node, outer);
  }
  return map;
}

function comment<T extends YamlNode>(target: T, node: Node, outer: string | undefined): T {
  const origin = formatOrigin(node.origin);
  if (origin !== outer) target.comment = ` ${origin}`;
  return target;
}
