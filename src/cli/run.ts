import { VERSION } from '../version.ts';
import { type Invocation, parseArgv } from './argv.ts';
import { runCheck } from './check.ts';
import { runDemo } from './demo.ts';
import { runDiff } from './diff.ts';
import { runHelp } from './help.ts';
import { type Io, processIo } from './io.ts';
import { runMigrate } from './migrate.ts';
import { runPrint } from './print.ts';
import { runSchema } from './schema.ts';
import { runServe } from './serve.ts';

type Run = (invocation: Invocation, io: Io) => Promise<number>;

const RUNS: Readonly<Record<string, Run>> = {
  serve: runServe,
  check: runCheck,
  print: runPrint,
  diff: runDiff,
  migrate: runMigrate,
  schema: runSchema,
  demo: runDemo,
  help: runHelp,
  version: async (_, io) => {
    io.out(`vllm-router ${VERSION}\n`);
    return 0;
  },
};

/** Runs the command that `argv` names; resolves with the exit code. */
export async function run(argv: readonly string[]): Promise<number> {
  const io = processIo();
  const parsed = parseArgv(argv);
  if ('message' in parsed) {
    io.err(parsed.message);
    return parsed.exitCode;
  }
  return RUNS[parsed.command]!(parsed, io);
}
