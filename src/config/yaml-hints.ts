const COLON = { line: /:\s+[^"'\s#[{|>][^"'#]*:\s/, hint: 'quote a value that contains ": "' };

/** What YAML's traps look like in the text, and how to get out of them. */
const TRAPS: readonly { readonly line: RegExp; readonly hint: string }[] = [
  { line: /^(?:<{7} |={7}$|>{7} )/, hint: 'this is a conflict marker of git: finish the merge' },
  { line: /^\s*\t/, hint: 'indent with spaces; YAML allows no tabs' },
  {
    line: /(?:[:,[-]|^)\s*(\*(?![A-Za-z0-9_-]+\s*(?:[,\]}#]|$))[^\s,\]}]*)/,
    hint: 'quote it: "$1"; a bare * starts a YAML alias',
  },
  {
    line: /[:,-]\s+(\[[0-9A-Fa-f:.]*\]:\d+)/,
    hint: 'quote it: "$1"; a bare [ starts a YAML list',
  },
  {
    line: /[{[].*?(?<!["'])(\$\{[^}]*\})/,
    hint: 'quote it: "$1"; within { } and [ ] a brace ends the value',
  },
  { line: /^[^#"']*:\s+(@[^\s,]*|`[^\s,]*|%[^\s,]*)/, hint: 'quote it: "$1"; YAML reserves that first character' },
  { line: /^\s*[\w-]+:[^\s/:]/, hint: 'put a space after the colon' },
  { line: /[{[][^}\]]*;\s*[\w-]+\s*:/, hint: 'put a comma between items, not a semicolon' },
  COLON,
];

/** Characters looked at on both sides of the error. */
const REACH = 200;

/** A hint for a syntax error at the offset, or undefined; looks at its line and, for indentation, the one before. */
export function syntaxHint(text: string, offset: number, message: string): string | undefined {
  const start = text.lastIndexOf('\n', Math.max(0, offset - 1)) + 1;
  const end = text.indexOf('\n', start);
  // Bounded: a line of a million brackets would keep the expressions busy for a minute.
  const line = text.slice(Math.max(start, offset - REACH), Math.min(end < 0 ? text.length : end, offset + REACH));
  for (const trap of TRAPS) {
    if (trap === COLON && !/^(?:Nested|Implicit|Block|Missing ,)/.test(message)) continue;
    const match = trap.line.exec(line);
    if (match) return trap.hint.replace('$1', () => match[1] ?? '');
  }
  if (/alias/i.test(message)) return 'quote a value that starts with *';
  if (/multiple documents/i.test(message)) return 'one file holds one document: remove the second `---`';
  return undefined;
}
