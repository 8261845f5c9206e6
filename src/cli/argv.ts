import { SettingError } from '../config/original/setting-error.ts';
import type { Overlay } from '../config/overlay.ts';
import { didYouMean } from '../config/suggest.ts';
import { COMMANDS, type Command, findCommand, optionsOf } from './commands.ts';
import { type ParsedOptions, parseOptions } from './options.ts';
import { flagOverlay } from './overlay.ts';

/** What the command line asks for. */
export interface Invocation {
  /** Name in the table of commands; `version` for `--version`. */
  readonly command: string;
  /** Options by name, last value; switches are `true`. */
  readonly options: ReadonlyMap<string, string>;
  /** Every occurrence of those that may be repeated, in order. */
  readonly repeated: ParsedOptions['repeated'];
  /** Of `--config`, or of the original's flags for its dynamic config. */
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
    // What people try first.
    const hint = /\.(?:ya?ml|json)$|[/\\]/.test(first)
      ? `to run it: vllm-router --config ${first}; to check it: vllm-router check ${first}`
      : didYouMean(
          first,
          COMMANDS.map(({ name }) => name),
        );
    return { message: usage(undefined, `there is no command '${first}'`, hint), exitCode: EXIT.usage };
  }
  const own = command.name === 'serve' ? EXIT.flags : EXIT.usage;
  const parsed = parseOptions(optionsOf(command), named ? rest : argv);
  if ('problem' in parsed) return { message: usage(command, parsed.problem, parsed.hint), exitCode: own };
  const { config, problem } = fileOf(parsed.values);
  if (problem !== undefined) return { message: usage(command, problem), exitCode: own };
  const base = { options: parsed.values, repeated: parsed.repeated, config, overlay: [], notices: [] };
  if (parsed.values.has('help')) return { ...base, command: 'help', args: named ? [command.name] : [] };
  if (parsed.values.has('version')) return { ...base, command: 'version', args: [] };
  if (parsed.positionals.length > (command.maxArgs ?? 0)) {
    const extra = parsed.positionals.slice(command.maxArgs ?? 0).join(' ');
    const isFile = command.name === 'serve' && /\.ya?ml$/.test(extra) && config === undefined;
    const hint = isFile ? `write --config ${extra}` : undefined;
    return { message: usage(command, `unrecognized arguments: ${extra}`, hint), exitCode: own };
  }
  try {
    const flags = command.flags ? flagOverlay(parsed, hasFile(command, config, parsed)) : { overlay: [], notices: [] };
    return { ...base, ...flags, command: command.name, args: parsed.positionals };
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    if (error.kind === 'usage') return { message: usage(command, error.message), exitCode: own };
    return { message: `vllm-router: error: ${error.message}\n`, exitCode: EXIT.failed };
  }
}

/** The flags that name a file; the original's own format is told apart by what stands in it. */
const FILES = ['config', 'dynamic-config-yaml', 'dynamic-config-json'] as const;

function fileOf(values: ReadonlyMap<string, string>): { config: string | undefined; problem?: string } {
  const given = FILES.filter((name) => values.get(name));
  const [first, second] = given;
  if (second !== undefined) {
    return { config: undefined, problem: `argument --${second}: not allowed with argument --${first}` };
  }
  return { config: first && values.get(first) };
}

/** Commands other than serve take the file as an argument, or `router.yaml` where no flag says where backends are. */
function hasFile(command: Command, config: string | undefined, { values, positionals }: ParsedOptions): boolean {
  if (config !== undefined || positionals.length > 0) return true;
  return command.name !== 'serve' && !values.has('service-discovery');
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
