import { formatDiagnostics } from '../config/format.ts';
import { originsOf } from '../config/origins.ts';
import { printYaml } from '../config/print-yaml.ts';
import { toPlain } from '../config/tree.ts';
import { EXIT, type Invocation } from './argv.ts';
import { type Io, textStyle } from './io.ts';
import { loadFrom } from './load.ts';

/** `print`: the effective configuration with the origin of every value. Secrets are references and stay references. */
export async function runPrint({ options, overlay, config, args, notices }: Invocation, io: Io): Promise<number> {
  const path = args[0] ?? config ?? (options.has('service-discovery') ? undefined : 'router.yaml');
  const { loaded, diagnostics, files } = await loadFrom(path, overlay, io);
  for (const notice of notices) io.err(`note: ${notice}\n`);
  io.err(formatDiagnostics(diagnostics, 'text', textStyle(io, files)));
  if (!loaded?.config) return EXIT.failed;
  const tree = options.has('written') ? loaded.written : loaded.tree;
  if (options.get('format') !== 'json') io.out(printYaml(tree));
  else {
    const config = toPlain(tree);
    io.out(`${JSON.stringify(options.has('origins') ? { config, origins: originsOf(tree) } : config, null, 2)}\n`);
  }
  return EXIT.ok;
}
