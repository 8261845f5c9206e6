import type { Overlay } from '../config/overlay.ts';
import { didYouMean } from '../config/suggest.ts';
import { COMMANDS, type Command, findCommand, optionsOf } from './commands.ts';
import { FlagError } from './flag-error.ts';
import { parseOptions } from './options.ts';
import { flagOverlay } from './overlay.ts';

/** What the command line asks for. */
export interface Invocation {
  /** Name in the table of commands; `version` for `--version`. */
  readonly command: string;
  /** Options by name, last value; switches are `true`. */
  readonly options: ReadonlyMap<string, string>;
  /** Of `--config`. */
  readonly config: string | undefined;
  readonly args: readonly string[];
  /** What the flags write over the file, again on every reload. */
  readonly overlay: Overlay;
  /** To be logged once at start, as warnings. */
  readonly notices: readonly string[];
}

/** Nothing to run: `message` goes to standard error, and the process ends with `exitCode`. */
export interface UsageError {
  readonly message: string;
  readonly exitCode: number;
}

/** Exit codes: 2 and 1 are what the original router's flags give, 64 is sysexits' for commands that are ours. */
export const EXIT = { ok: 0, failed: 1, flags: 2, changes: 2, warnings: 3, usage: 64 } as const;

export function parseArgv(argv: readonly string[]): Invocation | UsageError {
  const [first = '', ...rest] = argv;
  const named = first !== '' && !first.startsWith('-');
  const command = named ? findCommand(first) : findCommand('serve')!;
  if (!command) {
    const hint = didYouMean(
      first,
      COMMANDS.map(({ name }) => name),
    );
    return { message: usage(undefined, `there is no command '${first}'`, hint), exitCode: EXIT.usage };
  }
  const own = command.name === 'serve' ? EXIT.flags : EXIT.usage;
  const parsed = parseOptions(optionsOf(command), named ? rest : argv);
  if ('problem' in parsed) return { message: usage(command, parsed.problem, parsed.hint), exitCode: own };
  const base = { options: parsed.values, config: parsed.values.get('config'), overlay: [], notices: [] };
  if (parsed.values.has('help')) return { ...base, command: 'help', args: named ? [command.name] : [] };
  if (parsed.values.has('version')) return { ...base, command: 'version', args: [] };
  if (parsed.positionals.length > (command.maxArgs ?? 0)) {
    const extra = parsed.positionals.slice(command.maxArgs ?? 0).join(' ');
    return { message: usage(command, `unrecognized arguments: ${extra}`), exitCode: own };
  }
  try {
    const flags = command.flags ? flagOverlay(withFile(parsed, command)) : { overlay: [], notices: [] };
    return { ...base, ...flags, command: command.name, args: parsed.positionals };
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    if (error.usage) return { message: usage(command, error.message), exitCode: own };
    return { message: `vllm-router: error: ${error.message}\n`, exitCode: EXIT.failed };
  }
}

/** `check FILE` and `print FILE` name a file as `--config` does: the flags then only overlay it. */
function withFile<T extends { values: ReadonlyMap<string, string>; positionals: readonly string[] }>(
  parsed: T,
  command: Command,
): T {
  const { values, positionals } = parsed;
  if (command.name === 'serve' || values.has('config') || values.has('service-discovery')) return parsed;
  return { ...parsed, values: new Map([...values, ['config', positionals[0] ?? 'router.yaml']]) };
}

function usage(command: Command | undefined, problem: string, hint?: string): string {
  const name = !command || command.name === 'serve' ? '' : ` ${command.name}`;
  const args = command?.args === undefined ? '' : ` ${command.args}`;
  return (
    `usage: vllm-router${name === '' && command === undefined ? ' COMMAND' : name} [options]${args}\n` +
    `vllm-router: error: ${problem}${hint === undefined ? '' : ` (${hint})`}\n` +
    `Try: vllm-router${name === '' ? '' : ' help'}${name}${name === '' ? ' --help' : ''}\n`
  );
}
