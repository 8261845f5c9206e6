import { conceal } from '../config/conceal.ts';
import { diffDocuments } from '../config/diff.ts';
import { formatChanges } from '../config/diff-text.ts';
import { formatDiagnostics } from '../config/format.ts';
import { type Plain, toPlain } from '../config/tree.ts';
import { askRouter } from './admin-client.ts';
import { EXIT, type Invocation } from './argv.ts';
import { type Io, textStyle } from './io.ts';
import { loadFrom } from './load.ts';

/**
 * `diff A B` and `diff A --against URL`: what changes for requests from one configuration to another, or from the one that a router
 * runs to A, and what that takes. Exits 2 when anything does.
 */
export async function runDiff(invocation: Invocation, io: Io): Promise<number> {
  const { args, options } = invocation;
  const url = options.get('against');
  if (args.length !== (url === undefined ? 2 : 1)) {
    const problem = url === undefined ? 'two configurations are needed' : '--against takes the place of one of them';
    io.err(
      `usage: vllm-router diff [options] A B\n       vllm-router diff [options] A --against URL\nvllm-router: error: ${problem}\n`,
    );
    return EXIT.usage;
  }
  const sides = [];
  if (url !== undefined) sides.push(await running(url, io));
  for (const path of args) sides.push(await documentOf(path, invocation, io));
  const [before, after] = sides;
  if (before === undefined || after === undefined) return EXIT.failed;
  const changes = diffDocuments(before, after);
  io.out(options.get('format') === 'json' ? `${JSON.stringify(changes, null, 2)}\n` : formatChanges(changes));
  return changes.length > 0 ? EXIT.changes : EXIT.ok;
}

async function documentOf(path: string, { overlay, options }: Invocation, io: Io): Promise<Plain | undefined> {
  const { loaded, diagnostics, files } = await loadFrom(path, overlay, io);
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  io.err(formatDiagnostics(errors, 'text', textStyle(io, files)));
  if (!loaded?.config) return undefined;
  // A router hides credentials, so both sides do, and what is hidden on both does not differ.
  return options.has('against') ? toPlain(conceal(loaded.tree)) : loaded.effective;
}

async function running(url: string, io: Io): Promise<Plain | undefined> {
  try {
    const { config } = (await askRouter(url, '/admin/config', io.env)) as { config: Plain };
    return config;
  } catch (error) {
    io.err(`vllm-router diff: ${(error as Error).message}\n`);
    return undefined;
  }
}
