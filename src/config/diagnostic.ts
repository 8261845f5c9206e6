import { CODES, type DiagnosticCode } from './codes.ts';
import { formatPath } from './path.ts';
import type { Origin, Path } from './tree.ts';

export type Severity = 'error' | 'warning';

/** One finding about a config. Line and column are 1-based; both are 0 for what a flag said, and `file` is then the flag. */
export interface Diagnostic {
  readonly file: string;
  readonly line: number;
  readonly col: number;
  /** Characters that the finding covers from there, at least 1. */
  readonly length: number;
  readonly severity: Severity;
  /** `routes[0].match`; empty for the whole document. */
  readonly path: string;
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly hint?: string;
  readonly related?: readonly RelatedPlace[];
}

export interface RelatedPlace {
  readonly file: string;
  readonly line: number;
  readonly col: number;
  readonly message: string;
}

export interface Details {
  readonly hint?: string | undefined;
  readonly related?: readonly RelatedPlace[];
}

/** A finding at the origin of a value or key. `fallback` names the document where nobody wrote the value. */
export function diagnose(
  code: DiagnosticCode,
  origin: Origin,
  path: Path,
  message: string,
  details: Details = {},
): Diagnostic {
  return {
    ...position(origin),
    severity: CODES[code],
    path: formatPath(path),
    code,
    message,
    ...(details.hint !== undefined && { hint: details.hint }),
    ...(details.related !== undefined && details.related.length > 0 && { related: details.related }),
  };
}

export function relate(origin: Origin, message: string): RelatedPlace {
  const { file, line, col } = position(origin);
  return { file, line, col, message };
}

/** `line 12`, with the file's name where that is another one than `seenFrom`, or the flag. */
export function cite(origin: Origin, seenFrom: Origin): string {
  if (origin.from === 'flag') return origin.flag;
  if (origin.from === 'default') return 'the defaults';
  const { file, line } = origin.place;
  return seenFrom.from === 'file' && seenFrom.place.file === file ? `line ${line}` : `${file}:${line}`;
}

function position(origin: Origin): Pick<Diagnostic, 'file' | 'line' | 'col' | 'length'> {
  if (origin.from === 'file') {
    const { file, line, col, start, end } = origin.place;
    return { file, line, col, length: Math.max(1, end - start) };
  }
  return { file: origin.from === 'flag' ? origin.flag : 'defaults', line: 0, col: 0, length: 1 };
}

/** In the order in which people read: by file as given, then position. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[], files: readonly string[]): Diagnostic[] {
  const rank = new Map(files.map((file, index) => [file, index]));
  const order = (diagnostic: Diagnostic): number => rank.get(diagnostic.file) ?? files.length;
  return [...diagnostics].sort(
    (a, b) =>
      order(a) - order(b) ||
      a.line - b.line ||
      a.col - b.col ||
      Number(a.severity === 'warning') - Number(b.severity === 'warning'),
  );
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === 'error');
}
