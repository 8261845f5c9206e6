import { memberSchema, SCHEMA, type Schema, schemaFor } from './schema.ts';
import type { Node, Origin, Path } from './tree.ts';

/** Something outside the document that it names. */
export interface ExternalReference {
  readonly path: Path;
  /** `env` and `file` hold a secret, `tls` is a certificate or its key. */
  readonly kind: 'env' | 'file' | 'tls';
  /** Name of the variable, or path. */
  readonly name: string;
  readonly origin: Origin;
}

/** Every secret and certificate file that a document names; found by the schema, so that none is forgotten. */
export function findSecrets(root: Node): ExternalReference[] {
  const found: ExternalReference[] = [];
  visit(root, SCHEMA, [], found);
  return found;
}

function visit(node: Node, schema: Schema, path: Path, found: ExternalReference[]): void {
  const rules = schemaFor(schema, node);
  if (!rules || node.kind === 'scalar') return;
  if (node.kind === 'list') {
    if (rules.items)
      for (const [index, item] of node.items.entries()) visit(item, rules.items, [...path, index], found);
    return;
  }
  // Which of the two is meant has to be settled first.
  if (rules['x-secret'] && node.entries.size > 1) return;
  for (const [key, { value }] of node.entries) {
    const at = [...path, key];
    if (value.kind === 'scalar' && typeof value.value === 'string') {
      const kind = rules['x-secret'] ? key : /^(cert|key)File$/.test(key) ? 'tls' : undefined;
      if (kind === 'env' || kind === 'file' || kind === 'tls') {
        found.push({ path: at, kind, name: value.value, origin: value.origin });
      }
    }
    const member = memberSchema(rules, key);
    if (member) visit(value, member, at, found);
  }
}
