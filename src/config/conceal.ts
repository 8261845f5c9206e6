import { clone, type MapNode, type Node } from './tree.ts';
import { withoutPassword } from './wording.ts';

/** Headers whose values are credentials wherever they stand. */
const CREDENTIALS = /^(?:authorization|proxy-authorization|cookie|x-api-key|api-key)$/i;
const HIDDEN = '…';

/**
 * The document as it may be shown over HTTP. Secrets are references by the schema and stay as they are; what people can smuggle past
 * it is a password in a URL, and a route that matches on a credential.
 */
export function conceal(root: MapNode): MapNode {
  const copy = clone(root) as MapNode;
  visit(copy, undefined);
  return copy;
}

/** What a route matches, without the values of credentials. */
export function concealHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, CREDENTIALS.test(name) ? HIDDEN : value]),
  );
}

function visit(node: Node, key: string | undefined): void {
  if (node.kind === 'scalar') {
    if (typeof node.value === 'string') node.value = withoutPassword(node.value);
  } else if (node.kind === 'list') {
    for (const item of node.items) visit(item, undefined);
  } else {
    for (const [name, { value }] of node.entries) {
      if (key === 'headers' && CREDENTIALS.test(name) && value.kind === 'scalar') value.value = HIDDEN;
      else visit(value, name);
    }
  }
}
