import { type Diagnostic, diagnose } from './diagnostic.ts';
import { didYouMean } from './suggest.ts';
import type { Node, Origin, Path, ScalarNode } from './tree.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const REFERENCE = /\$\$\{|\$\{([^}]*)\}|\$\{/g;
const BODY = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;

/**
 * Replaces `${VAR}` and `${VAR:-default}` in string values, in place; `$${` stands for `${`. A value that is nothing but
 * one reference gets the type its text has, so that `port: ${PORT}` is a number.
 */
export function expand(node: Node, env: Environment, path: Path = []): Diagnostic[] {
  if (node.kind === 'list') return node.items.flatMap((item, index) => expand(item, env, [...path, index]));
  if (node.kind === 'map') {
    return [...node.entries].flatMap(([key, entry]) => expand(entry.value, env, [...path, key]));
  }
  return typeof node.value === 'string' && node.value.includes('${') ? expandScalar(node, node.value, env, path) : [];
}

function expandScalar(node: ScalarNode, text: string, env: Environment, path: Path): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  let references = 0;
  // Of the next reference within the raw text, which escapes in quotes can make longer than the value.
  let from = 0;
  const within = (reference: string): Origin => {
    const { origin, raw } = node;
    const offset = raw.indexOf(reference, from);
    if (origin.from !== 'file' || offset < 0 || raw.includes('\n')) return origin;
    from = offset + reference.length;
    const start = origin.place.start + offset;
    const place = { ...origin.place, col: origin.place.col + offset, start, end: start + reference.length };
    return { from: 'file', place };
  };
  const expanded = text.replace(REFERENCE, (whole, body: string | undefined) => {
    const at = within(whole);
    if (whole === '$${') return '${';
    references++;
    const match = body === undefined ? null : BODY.exec(body);
    if (!match) {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it shows what to write
      const hint = 'write ${NAME} or ${NAME:-default}, and $${ for a plain ${';
      diagnostics.push(diagnose('bad-expansion', at, path, `${whole} names no variable`, { hint }));
      return whole;
    }
    const [, name, fallback] = match;
    const value = env[name!];
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
    if (value !== undefined) return value;
    const isSecret = path.at(-1) === 'apiKey' || (path[0] === 'auth' && path.at(-1) === 'keys');
    const hint = isSecret
      ? `a secret is not put in, but named: { env: ${name} }`
      : (didYouMean(name!, Object.keys(env)) ?? `give a default: \${${name}:-…}`);
    diagnostics.push(diagnose('unset-variable', at, path, `variable ${name} is not set`, { hint }));
    return whole;
  });
  if (diagnostics.length > 0) node.poisoned = true;
  else if (references > 0) {
    node.expanded = expanded;
    node.value = /^\$\{[^}]*\}$/.test(text) ? retype(expanded) : expanded;
  } else node.value = expanded;
  return diagnostics;
}

function retype(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/.test(text) ? Number(text) : text;
}
