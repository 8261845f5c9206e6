import type { Diagnostic } from '../config/diagnostic.ts';
import { hasErrors, sortDiagnostics } from '../config/diagnostic.ts';
import { type DiagnosticFormat, formatDiagnostics } from '../config/format.ts';
import type { ConfigFile } from '../config/parse.ts';
import { EXIT, type Invocation } from './argv.ts';
import { checkFiles } from './check-files.ts';
import { type Io, textStyle } from './io.ts';
import { loadFrom } from './load.ts';

/** `check [FILE|DIR…]`: every finding, and whether the configuration would be accepted. No network. */
export async function runCheck(invocation: Invocation, io: Io): Promise<number> {
  const { options, overlay, config, args, notices } = invocation;
  const format = (options.get('format') ?? 'text') as DiagnosticFormat;
  const found: Diagnostic[] = [];
  const files: ConfigFile[] = [];
  const targets =
    args.length > 0
      ? args
      : [config ?? (overlay.length > 0 && options.has('service-discovery') ? undefined : 'router.yaml')];
  for (const target of targets) {
    const result = await loadFrom(target, overlay, io);
    files.push(...result.files);
    const outside = result.loaded && !options.has('no-secrets') ? await checkFiles(result.loaded, io) : [];
    // A name that cannot be one is not also unset.
    const judged = new Set(result.diagnostics.map(({ line, col, file }) => `${file}:${line}:${col}`));
    const fresh = outside.filter(({ line, col, file }) => line === 0 || !judged.has(`${file}:${line}:${col}`));
    const names = result.files.map(({ name }) => name);
    found.push(...sortDiagnostics([...result.diagnostics, ...fresh], names));
  }
  const errors = found.filter(({ severity }) => severity === 'error').length;
  const warnings = found.length - errors;
  io.out(formatDiagnostics(found, format, textStyle(io, files)));
  if (format === 'text') {
    for (const notice of notices) io.err(`note: ${notice}\n`);
    if (found.length > 0) io.err(`${count(errors, 'error')}, ${count(warnings, 'warning')}\n`);
    else io.err(`${targets.map((target) => target ?? 'flags').join(', ')}: ok\n`);
  }
  if (hasErrors(found)) return EXIT.failed;
  return warnings > 0 && options.has('strict') ? EXIT.warnings : EXIT.ok;
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}
