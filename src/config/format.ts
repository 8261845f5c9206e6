import type { Diagnostic } from './diagnostic.ts';
import type { ConfigFile } from './parse.ts';
import { toSarif } from './sarif.ts';

export type DiagnosticFormat = 'text' | 'json' | 'github' | 'sarif';

export interface FormatOptions {
  /** The texts that were checked; with them, `text` shows the line and a caret. */
  readonly files?: readonly ConfigFile[];
  readonly colour?: boolean;
}

/** Findings as text for people, or as a machine wants them. Ends with a line break unless there is nothing to say. */
export function formatDiagnostics(
  diagnostics: readonly Diagnostic[],
  format: DiagnosticFormat = 'text',
  options: FormatOptions = {},
): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(diagnostics, null, 2)}\n`;
    case 'sarif':
      return `${JSON.stringify(toSarif(diagnostics), null, 2)}\n`;
    case 'github':
      return diagnostics.map((diagnostic) => `${github(diagnostic)}\n`).join('');
    case 'text':
      return diagnostics.map((diagnostic) => text(diagnostic, options)).join('');
  }
}

/** `router.yaml:8:5 error routes[0]: unknown key "algoritm" (did you mean "algorithm"?)`, without a line break. */
export function oneLine(diagnostic: Diagnostic): string {
  const { severity, path, message, hint } = diagnostic;
  return `${place(diagnostic)} ${severity}${path === '' ? '' : ` ${path}`}: ${message}${hint === undefined ? '' : ` (${hint})`}`;
}

/** `router.yaml:8:5`, or what the finding is about where that has no lines. */
export function place({ file, line, col }: { file: string; line: number; col: number }): string {
  return line === 0 ? file : `${file}:${line}:${col}`;
}

function text(diagnostic: Diagnostic, { files, colour }: FormatOptions): string {
  const paint = (code: number, part: string): string => (colour ? `\x1b[${code}m${part}\x1b[0m` : part);
  const line = oneLine(diagnostic).replace(
    ` ${diagnostic.severity}`,
    ` ${paint(diagnostic.severity === 'error' ? 31 : 33, diagnostic.severity)}`,
  );
  const source = files && excerpt(diagnostic, files);
  const shown = source ? `${paint(2, `  ${source.line}`)}\n${paint(36, `  ${source.caret}`)}\n` : '';
  const related = files
    ? (diagnostic.related ?? []).map((other) => `  ${place(other)} ${other.message}\n`).join('')
    : '';
  return `${line}\n${shown}${related}`;
}

function excerpt(diagnostic: Diagnostic, files: readonly ConfigFile[]): { line: string; caret: string } | undefined {
  if (diagnostic.line === 0) return undefined;
  const file = files.find(({ name }) => name === diagnostic.file);
  const whole = file?.text.split(/\r?\n/)[diagnostic.line - 1];
  if (whole === undefined || whole.trim() === '') return undefined;
  // A very long line would wrap and tear the caret away from what it points at.
  const from = Math.max(0, diagnostic.col - 1 - 80);
  const line = whole.slice(from, from + 160).replaceAll('\t', ' ');
  const start = Math.min(diagnostic.col - 1 - from, line.length);
  const length = Math.max(1, Math.min(diagnostic.length, line.length - start));
  return { line, caret: `${' '.repeat(start)}${'^'.repeat(length)}` };
}

/** Workflow command of GitHub Actions. */
function github(diagnostic: Diagnostic): string {
  const { file, line, col, severity, path, message, hint, code } = diagnostic;
  const encode = (value: string): string =>
    value.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  const property = (value: string): string => encode(value).replaceAll(':', '%3A').replaceAll(',', '%2C');
  const position = line === 0 ? '' : `,line=${line},col=${col}`;
  const words = `${path === '' ? '' : `${path}: `}${message}${hint === undefined ? '' : ` (${hint})`}`;
  return `::${severity} file=${property(file)}${position},title=${property(code)}::${encode(words)}`;
}
