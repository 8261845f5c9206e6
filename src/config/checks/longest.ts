import { parseDuration } from '../../units.ts';
import type { DocumentView } from '../document.ts';
import { memberSchema, SCHEMA, type Schema, schemaFor } from '../schema.ts';
import type { Node, Path } from '../tree.ts';

/** Days. Timers count ms in 31 bits: what is longer would be over at once. */
const LONGEST = 24;

/** Every duration that somebody wrote. */
export function checkLongest(view: DocumentView): void {
  visit(view, view.root, SCHEMA, []);
}

function visit(view: DocumentView, node: Node, schema: Schema | undefined, path: Path): void {
  const rules = schema && schemaFor(schema, node);
  if (!rules) return;
  if (node.kind === 'list') {
    for (const [index, item] of node.items.entries()) visit(view, item, rules.items, [...path, index]);
  } else if (node.kind === 'map') {
    for (const [key, { value }] of node.entries) visit(view, value, memberSchema(rules, key), [...path, key]);
  } else if (rules['x-unit'] === 'duration' && !node.poisoned) {
    const ms = parseDuration(String(node.value));
    if (ms !== undefined && ms > LONGEST * 86_400_000) {
      view.report('out-of-range', path, `${node.raw} is out of range: it must be ${LONGEST}d or less`);
    }
  }
}
