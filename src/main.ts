import { leave } from './cli/leave.ts';
import { run } from './cli/run.ts';

/** `argv` without node and script. Ends the process: connections of the keep-alive kind would hold it otherwise. */
export async function main(argv: readonly string[]): Promise<void> {
  const code = await run(argv);
  await leave(code);
  process.exit(code);
}
