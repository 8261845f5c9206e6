import { Document, Pair, Scalar, YAMLMap, YAMLSeq, type Node as YamlNode } from 'yaml';
import { memberSchema, SCHEMA, type Schema, schemaFor } from './schema.ts';
import type { Node, Origin } from './tree.ts';

export interface PrintStyle {
  /** The comment beside a value; by default who said it. */
  readonly explain?: (origin: Origin) => string | undefined;
  /** Lines above an entry. */
  readonly above?: (origin: Origin) => string | undefined;
  /** Lines at the top. */
  readonly header?: string;
}

/** A tree as YAML that is itself a valid file; each value's comment says who said it. */
export function printYaml(root: Node, style: PrintStyle = {}): string {
  const document = new Document(new Printer(style).node(root, SCHEMA, undefined));
  if (style.header !== undefined) document.commentBefore = style.header;
  // A comment at the very end comes without its line break.
  return `${document.toString({ lineWidth: 0, flowCollectionPadding: true }).trimEnd()}\n`;
}

/** `router.yaml:12`, `--port`, `default`. */
export function formatOrigin(origin: Origin): string {
  if (origin.from === 'file') return `${origin.place.file}:${origin.place.line}`;
  return origin.from === 'flag' ? origin.flag : 'default';
}

class Printer {
  readonly #explain: (origin: Origin) => string | undefined;
  readonly #above: (origin: Origin) => string | undefined;

  constructor({ explain = formatOrigin, above = () => undefined }: PrintStyle) {
    this.#explain = explain;
    this.#above = above;
  }

  /** `outer`: the origin that an enclosing comment tells already. */
  node(node: Node, schema: Schema | undefined, outer: string | undefined): YamlNode {
    const rules = schema && schemaFor(schema, node);
    if (node.kind === 'scalar') return this.#comment(new Scalar(node.value), node, outer);
    if (node.kind === 'list') {
      const list = new YAMLSeq();
      const flat = node.items.every((item) => item.kind === 'scalar');
      list.flow = flat;
      const told = flat ? this.#explain(node.origin) : outer;
      for (const item of node.items) list.items.push(this.node(item, rules?.items, told));
      return flat ? this.#comment(list, node, outer) : list;
    }
    const map = new YAMLMap();
    for (const [key, { value }] of node.entries) {
      const name = new Scalar(key);
      const above = this.#above(value.origin);
      if (above !== undefined) name.commentBefore = above;
      map.items.push(new Pair(name, this.node(value, rules && memberSchema(rules, key), outer)));
    }
    if (map.items.length > 0) return map;
    map.flow = true;
    return this.#comment(map, node, outer);
  }

  #comment<T extends YamlNode>(target: T, node: Node, outer: string | undefined): T {
    const origin = this.#explain(node.origin);
    if (origin !== undefined && origin !== outer) target.comment = ` ${origin}`;
    return target;
  }
}
