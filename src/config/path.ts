import type { Path } from './tree.ts';

const PLAIN_KEY = /^[A-Za-z_][\w-]*$/;

/** `routes[0].match.models[1]`, `models.aliases["gpt-4.1"]`; the whole document is the empty string. */
export function formatPath(path: Path): string {
  let text = '';
  for (const segment of path) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else if (!PLAIN_KEY.test(segment)) text += `[${JSON.stringify(segment)}]`;
    else text += text === '' ? segment : `.${segment}`;
  }
  return text;
}

/** The reverse of `formatPath`; undefined when the text is not a path. */
export function parsePath(text: string): Path | undefined {
  const path: (string | number)[] = [];
  const token = /\.?([^.[\]"\s]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y;
  while (token.lastIndex < text.length) {
    const start = token.lastIndex;
    const match = token.exec(text);
    if (!match) return undefined;
    const [whole, key, index, quoted] = match;
    if (key !== undefined) {
      if (whole.startsWith('.') === (start === 0)) return undefined;
      path.push(key);
    } else if (index !== undefined) path.push(Number(index));
    else {
      try {
        path.push(JSON.parse(quoted!) as string);
      } catch {
        return undefined;
      }
    }
  }
  return path.length > 0 ? path : undefined;
}
