import type { ErrorObject } from 'ajv';
import { resolve, type Schema, tagsOf } from './schema.ts';
import { misspeltTag, pathOf } from './schema-errors.ts';
import { closest, isNear } from './suggest.ts';
import { child, clone, type Node, nodeAt, type Path } from './tree.ts';

/** A document in which words were put right, and where: paths of the values below them, which nobody has looked at yet. */
export interface Guess {
  readonly root: Node;
  readonly below: readonly Path[];
}

/**
 * The document as it was probably meant: unknown keys and types replaced by the one that `explain` suggests for them. So what is wrong
 * within a misspelt section is found together with its name. Undefined where there is nothing to put right.
 */
export function guess(root: Node, errors: readonly ErrorObject[]): Guess | undefined {
  const fresh = clone(root);
  const below: Path[] = [];
  for (const { keyword, instancePath, params, parentSchema } of errors) {
    const path = pathOf(root, instancePath);
    const node = nodeAt(fresh, path);
    const schema = resolve((parentSchema ?? {}) as Schema);
    if (node?.kind !== 'map') continue;
    if (keyword === 'discriminator' && rename(node, String(params['tag']), schema)) below.push(path);
    const wrong = keyword === 'additionalProperties' ? String(params['additionalProperty']) : misspeltTag(node, schema);
    if (wrong === undefined) continue;
    const known = keyword === 'required' ? [schema.discriminator!.propertyName] : Object.keys(schema.properties ?? {});
    const meant = closest(wrong, known);
    const entry = node.entries.get(wrong);
    if (!entry || meant === undefined || !isNear(wrong, meant) || node.entries.has(meant)) continue;
    node.entries.delete(wrong);
    node.entries.set(meant, entry);
    below.push(keyword === 'required' ? path : [...path, meant]);
  }
  return below.length > 0 ? { root: fresh, below } : undefined;
}

/** Puts a misspelt tag right. */
function rename(node: Node, key: string, schema: Schema): boolean {
  const tag = child(node, key);
  if (tag?.kind !== 'scalar' || typeof tag.value !== 'string' || tag.poisoned || tag.expanded !== undefined)
    return false;
  const meant = closest(tag.value, tagsOf(schema));
  if (meant === undefined || !isNear(tag.value, meant)) return false;
  tag.value = meant;
  return true;
}
