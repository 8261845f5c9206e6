/** Patterns of model names and header values: `*` is any run of characters, `?` one. */

/** Whether the pattern matches the text. Linear in both: no regular expression, no backtracking over several `*`. */
export function matchesPattern(pattern: string, text: string): boolean {
  return glob(pattern, text, (wanted, found) => wanted === '?' || wanted === found);
}

/** Whether everything that `narrow` matches is matched by `wide`; may say no where a proof would need more. */
export function coversPattern(wide: string, narrow: string): boolean {
  return glob(wide, narrow, (wanted, found) => (wanted === '?' ? found !== '*' : wanted === found));
}

function glob(pattern: string, text: string, same: (wanted: string, found: string) => boolean): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let mark = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.length && same(pattern[p]!, text[t]!)) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++mark;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
