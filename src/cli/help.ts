import { UNSUPPORTED } from '../config/original/unsupported.ts';
import { didYouMean } from '../config/suggest.ts';
import { EXIT, type Invocation } from './argv.ts';
import { COMMANDS, type Command, findCommand } from './commands.ts';
import { COMPATIBILITY, type Flag } from './compatibility-flags.ts';
import { FLAGS } from './flags.ts';
import { flagsMarkdown } from './flags-reference.ts';
import type { Io } from './io.ts';
import type { Option } from './options.ts';

/** Where the second column starts; longer options push their text to the next line. */
const COLUMN = 34;
const WIDTH = 100;

const EXIT_CODES: readonly (readonly [number, string])[] = [
  [0, 'fine'],
  [1, 'the configuration is invalid, or something failed'],
  [2, 'wrong use of the documented flags; diff: something changes'],
  [3, 'check --strict: only warnings'],
  [64, 'wrong use of a command'],
];

export async function runHelp({ args, options }: Invocation, io: Io): Promise<number> {
  if (options.has('markdown')) {
    io.out(flagsMarkdown());
    return EXIT.ok;
  }
  const [name] = args;
  const command = name === undefined ? undefined : findCommand(name);
  if (name !== undefined && !command) {
    const hint = didYouMean(
      name,
      COMMANDS.map((one) => one.name),
    );
    io.err(`vllm-router help: there is no command '${name}'${hint ? ` (${hint})` : ''}\n`);
    return EXIT.usage;
  }
  io.out(command ? commandHelp(command) : generalHelp());
  return EXIT.ok;
}

export function generalHelp(): string {
  const serve = findCommand('serve')!;
  return [
    'vllm-router: one address in front of many LLM inference servers, declared in one YAML file.\n',
    'Usage: vllm-router [serve] [--config FILE|DIR] [flags]\n       vllm-router COMMAND [options]\n',
    `Commands:\n${COMMANDS.map(({ name, summary }) => row(name, summary)).join('')}`,
    `Examples:\n${serve.examples.map((example) => `    ${example}\n`).join('')}    vllm-router check router.yaml\n`,
    'The smallest file:\n    discovery:\n      gpus:\n        type: static\n        backends:\n          - url: http://gpu1:8000\n',
    'Flags write over the file. Any of them may be shortened as long as it stays unique.\n',
    ...flagGroups(),
    `Exit codes:\n${EXIT_CODES.map(([code, text]) => row(String(code), text)).join('')}`,
    'More: vllm-router help COMMAND, vllm-router schema PATH.\n',
  ].join('\n');
}

export function commandHelp(command: Command): string {
  const args = command.args === undefined ? '' : ` ${command.args}`;
  const parts = [
    `vllm-router ${command.name}: ${command.summary}\n`,
    `Usage: vllm-router ${command.name} [options]${args}\n`,
    `${wrap(command.details, 0)}\n`,
  ];
  if (command.options?.length) parts.push(`Options:\n${command.options.map(optionRow).join('')}`);
  if (command.flags && command.name !== 'serve') {
    parts.push('It also takes every flag of `vllm-router --help`, which write over the file.\n');
  } else if (command.flags) parts.push(...flagGroups());
  parts.push(`Examples:\n${command.examples.map((example) => `    ${example}\n`).join('')}`);
  return parts.join('\n');
}

function flagGroups(): string[] {
  const useful = FLAGS.filter(({ group }) => group !== COMPATIBILITY);
  const groups = [...new Set(useful.map(({ group }) => group))];
  const rest = FLAGS.filter(({ group }) => group === COMPATIBILITY);
  const list = (flags: readonly Flag[]): string => wrap(flags.map(({ name }) => `--${name}`).join(' '), 4);
  return [
    ...groups.map(
      (group) =>
        `${group}:\n${FLAGS.filter((flag) => flag.group === group)
          .map(optionRow)
          .join('')}`,
    ),
    `Of the original router, accepted without effect (said once at start):\n    ${list(rest.filter(({ name }) => UNSUPPORTED[name]?.unused))}\n`,
    `And refused, with what to use instead:\n    ${list(rest.filter(({ name }) => UNSUPPORTED[name]?.refused))}\n`,
  ];
}

function optionRow(option: Option): string {
  const value = option.value ?? option.choices?.filter((choice) => choice !== '').join('|');
  const shown = option.kind === 'switch' || value === undefined ? '' : ` ${value.length > 40 ? 'NAME' : value}`;
  const fallback = option.default === undefined ? '' : ` [${option.default}]`;
  const choices = option.value !== undefined && option.choices ? `: ${option.choices.join(', ')}` : '';
  return row(`--${option.name}${shown}`, `${option.help ?? ''}${choices}${fallback}`);
}

function row(left: string, right: string): string {
  const start = `  ${left}`;
  const text = wrap(right, COLUMN);
  if (start.length + 1 >= COLUMN) return `${start}\n${' '.repeat(COLUMN)}${text}\n`;
  return `${start.padEnd(COLUMN)}${text}\n`;
}

function wrap(text: string, indent: number): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!;
    if (last !== '' && indent + last.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines.join(`\n${' '.repeat(indent)}`);
}
