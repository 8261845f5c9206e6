import { leave } from './cli/leave.ts';
import { run } from './cli/run.ts';

/** `argv` without node and script. Ends the process: connections of the keep-alive kind would hold it otherwise. */
export async function main(argv: readonly string[]): Promise<void> {
  const code = (await run(argv)) || unwritten();
  await leave(code);
  process.exit(code);
}

/** The exit code of a full disk under `print > router.yaml`, which was 0 with an empty file. Who has read enough (`| head`) misses nothing. */
function unwritten(): number {
  const error: NodeJS.ErrnoException | null = process.stdout.errored;
  if (error === null || error.code === 'EPIPE') return 0;
  process.stderr.write(`standard output: ${error.message}\n`);
  return 1;
}
