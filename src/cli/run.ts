import { VERSION } from '../version.ts';
import { type Invocation, parseArgv } from './argv.ts';
import { type Io, processIo } from './io.ts';
import { Signals } from './signals.ts';

type Run = (invocation: Invocation, io: Io) => Promise<number>;

/** Loaded when asked for: `check` in a commit hook must not pay for the router. */
const RUNS: Readonly<Record<string, () => Promise<Run>>> = {
  serve: async () => runServe,
  check: async () => (await import('./check.ts')).runCheck,
  print: async () => (await import('./print.ts')).runPrint,
  route: async () => (await import('./route.ts')).runRoute,
  diff: async () => (await import('./diff.ts')).runDiff,
  migrate: async () => (await import('./migrate.ts')).runMigrate,
  init: async () => (await import('./init.ts')).runInit,
  schema: async () => (await import('./schema.ts')).runSchema,
  demo: async () => (await import('./demo.ts')).runDemo,
  simulate: async () => (await import('./simulate.ts')).runSimulate,
  completion: async () => (await import('./completion.ts')).runCompletion,
  help: async () => (await import('./help.ts')).runHelp,
  version: async () => runVersion,
};

/** Runs the command that `argv` names; resolves with the exit code. */
export async function run(argv: readonly string[]): Promise<number> {
  const io = processIo();
  const parsed = parseArgv(argv);
  if ('message' in parsed) {
    io.err(parsed.message);
    return parsed.exitCode;
  }
  const command = await RUNS[parsed.command]!();
  return command(parsed, io);
}

/** Signals first: loading the router takes longer than the rest of a start. */
async function runServe(invocation: Invocation, io: Io): Promise<number> {
  const signals = new Signals();
  return (await import('./serve.ts')).runServe(invocation, io, signals);
}

async function runVersion(_: Invocation, io: Io): Promise<number> {
  io.out(`vllm-router ${VERSION}\n`);
  return 0;
}
