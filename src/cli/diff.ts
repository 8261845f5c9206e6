import { diffDocuments } from '../config/diff.ts';
import { formatChanges } from '../config/diff-text.ts';
import { formatDiagnostics } from '../config/format.ts';
import { EXIT, type Invocation } from './argv.ts';
import { type Io, textStyle } from './io.ts';
import { loadFrom } from './load.ts';

/** `diff A B`: what changes for requests from one configuration to another, and what that takes. Exits 2 when anything does. */
export async function runDiff({ args, overlay, options }: Invocation, io: Io): Promise<number> {
  if (args.length !== 2) {
    io.err('usage: vllm-router diff [options] A B\nvllm-router: error: two configurations are needed\n');
    return EXIT.usage;
  }
  const sides = [];
  for (const path of args) {
    const side = await loadFrom(path, overlay, io);
    const errors = side.diagnostics.filter(({ severity }) => severity === 'error');
    io.err(formatDiagnostics(errors, 'text', textStyle(io, side.files)));
    sides.push(side.loaded);
  }
  const [before, after] = sides;
  if (!before?.config || !after?.config) return EXIT.failed;
  const changes = diffDocuments(before.effective, after.effective);
  io.out(options.get('format') === 'json' ? `${JSON.stringify(changes, null, 2)}\n` : formatChanges(changes));
  return changes.length > 0 ? EXIT.changes : EXIT.ok;
}
