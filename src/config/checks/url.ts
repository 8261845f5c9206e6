import type { DocumentView } from '../document.ts';
import { variableHint } from '../hints.ts';
import type { Path } from '../tree.ts';
import { parseUrl } from '../url.ts';
import { withoutPassword } from '../wording.ts';

/** Ways out: `wrong` for a URL that cannot be called, `password` for one that holds a password. */
export interface UrlHints {
  readonly wrong?: (text: string) => string | undefined;
  readonly password: string;
}

/** The URL at the path, where it can be called; reports what is wrong with it, but for what the schema says. */
export function checkedUrl(view: DocumentView, path: Path, { wrong, password }: UrlHints): URL | undefined {
  const text = view.string(path);
  // Anything else has been reported by the schema.
  if (text === undefined || !/^https?:\/\/[^\s?#]+$/i.test(text)) return undefined;
  const url = parseUrl(text);
  // A `$` may stand in the name of a host, and never does.
  const variable = variableHint(/^[a-z]+:\/\/(?:[^/]*@)?([^/]*)/i.exec(text)![1]!);
  if (url === undefined || variable !== undefined) {
    view.report('bad-url', path, `${JSON.stringify(withoutPassword(text))} is no URL that can be called`, {
      hint: variable ?? wrong?.(text),
    });
  } else if (url.username !== '' || url.password !== '') {
    view.report('plaintext-secret', path, 'the URL holds a password, and it is not sent', { hint: password });
  }
  return variable === undefined ? url : undefined;
}
