import type { Node } from './tree.ts';

/** `http://user:password@host` without the first part, in place: it is never sent, and what is printed must not hold it. */
export function redact(node: Node): void {
  if (node.kind === 'scalar') {
    if (typeof node.value === 'string') node.value = node.value.replace(/^(https?:\/\/)[^/@\s]*@/i, '$1');
  } else
    for (const child of node.kind === 'list' ? node.items : [...node.entries.values()].map(({ value }) => value))
      redact(child);
}
