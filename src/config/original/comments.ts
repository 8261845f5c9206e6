import { isNode, isPair, isScalar, type Pair, parseDocument, visit } from 'yaml';

/** Comments of a file: above or beside an entry, by the offset at which its value starts. */
export function commentsOf(text: string): Map<number, string> {
  const found = new Map<number, string>();
  const document = parseDocument(text, { prettyErrors: false });
  let top = document.commentBefore ?? undefined;
  visit(document, {
    Pair(_, pair: Pair) {
      const { key, value } = pair;
      if (!isScalar(key)) return;
      const start = isNode(value) ? value.range?.[0] : undefined;
      const parts = [top, key.commentBefore, isNode(value) ? value.commentBefore : undefined];
      top = undefined;
      parts.push(isNode(value) ? value.comment : undefined);
      const comment = forPeople(parts.filter((part) => part).join('\n'));
      if (start !== undefined && comment !== '') found.set(start, comment);
    },
    Seq(_, node, path) {
      // Comments of items are told at the list.
      const inner = node.items
        .flatMap((item) => (isNode(item) ? [item.commentBefore, item.comment] : []))
        .filter(Boolean);
      const holder = path.at(-1);
      const start = node.range?.[0];
      if (inner.length === 0 || start === undefined || !isPair(holder)) return;
      found.set(start, [found.get(start), ...inner].filter(Boolean).join('\n'));
    },
  });
  return found;
}

/** Without what helm-schema and helm-docs read in a chart's own values. */
function forPeople(comment: string): string {
  const lines = comment.split('\n').filter((line) => !/^\s*@(?:schema|default|ignored)\b/.test(line));
  return lines.map((line) => line.replace(/^ -- /, ' ')).join('\n');
}
