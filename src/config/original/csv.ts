/** `a, b,c` → its parts without white space; empty parts are left out, as an empty text has none. */
export function csv(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
