/** What the YAML parser says, in words for people who do not know its grammar; the rest is passed on as it is. */
const WORDS: readonly { readonly said: RegExp; readonly words: string; readonly hint?: string }[] = [
  { said: /^Tabs are not allowed/, words: 'a tab stands in the indentation' },
  { said: /^Alias cannot be an empty string/, words: 'a * without a name after it' },
  { said: /^Unexpected .* at node end$/, words: 'the value has ended, and more text follows' },
  {
    said: /^Nested mappings are not allowed/,
    words: 'a second "key: value" within a value',
    hint: 'is the next line indented too far?',
  },
  {
    said: /^A block sequence may not be used/,
    words: 'the list below does not belong to a key',
    hint: 'are its lines indented alike?',
  },
  {
    said: /^Implicit keys need to be on a single line/,
    words: 'here a key and ": " are expected',
    hint: 'is its colon missing, or is the next line indented too far?',
  },
  { said: /^Implicit map keys need to be followed/, words: 'a key without ": " after it' },
  {
    said: /^All (?:mapping|sequence) items must start at the same column/,
    words: 'this line is indented unlike those that it follows',
    hint: 'line it up with the keys or items of the same map or list',
  },
  {
    said: /^Sequence item without - indicator/,
    words: 'a line in a list without "- "',
    hint: 'begin each item with "- "',
  },
  { said: /^Missing closing ['"]quote/, words: 'a text in quotes is never closed' },
  {
    said: /^Flow sequence .*end with a \]/,
    words: 'a [ is never closed',
    hint: 'close it with ]; its lines stand deeper than its key',
  },
  {
    said: /^Flow map .*end with a \}/,
    words: 'a { is never closed',
    hint: 'close it with }; its lines stand deeper than its key',
  },
  { said: /^Missing , (?:or : )?between/, words: 'a comma is missing between two items' },
  { said: /^Block collections are not allowed/, words: 'within { } and [ ] a comma stands between items' },
  { said: /^Unexpected flow-(?:map|seq)-end token/, words: 'a } or ] closes what is not open' },
  { said: /^Unexpected , in/, words: 'there is nothing before this comma' },
  { said: /^Plain value cannot start with (.+)/, words: 'a value without quotes cannot start with $1' },
  {
    said: /^Invalid escape sequence (.+)/,
    words: '$1 is no escape within double quotes',
    hint: 'use single quotes, or write \\\\ for a backslash',
  },
  { said: /^Source contains multiple documents/, words: 'a second document begins here' },
  {
    said: /^Unresolved tag: (.+)/,
    words: 'the tag $1 means nothing here',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it shows what to write
    hint: 'secrets are { env: NAME } or { file: PATH }, other variables ${NAME}',
  },
  { said: /^Comments must be separated/, words: 'a # that begins a comment needs a space before it' },
];

/** Message and, where there is a usual way out, hint; the hint for what the line looks like comes before it. */
export function syntaxWording(said: string): { readonly message: string; readonly hint?: string } {
  const first = said.replace(/[\n;][\s\S]*/, '');
  for (const { said: pattern, words, hint } of WORDS) {
    const match = pattern.exec(first);
    if (match) return { message: words.replace('$1', () => match[1]!), ...(hint !== undefined && { hint }) };
  }
  return { message: first };
}
