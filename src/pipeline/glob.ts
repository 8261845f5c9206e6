/** Matches names against exact values and globs: `*` is any run of characters, slashes too, `?` is one. */
export type NameMatcher = (name: string) => boolean;

/** An empty list matches everything. */
export function nameMatcher(patterns: readonly string[]): NameMatcher {
  if (patterns.length === 0) return () => true;
  const exact = new Set(patterns.filter((pattern) => !isGlob(pattern)));
  const globs = patterns.filter(isGlob).map(globExpression);
  return (name) => exact.has(name) || globs.some((glob) => glob.test(name));
}

function isGlob(pattern: string): boolean {
  return pattern.includes('*') || pattern.includes('?');
}

/** Runs of `*` are one, so that no pattern makes the expression backtrack over the same characters twice in a row. */
function globExpression(pattern: string): RegExp {
  const source = pattern
    .replace(/\*+/g, '*')
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '[^]*')
    .replace(/\?/g, '[^]');
  return new RegExp(`^${source}$`, 'u');
}
