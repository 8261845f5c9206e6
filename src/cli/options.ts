import { didYouMean } from '../config/suggest.ts';

/** One option of the command line. */
export interface Option {
  /** Without the dashes. */
  readonly name: string;
  /** A switch takes no value; `int` and `float` take a number. */
  readonly kind: 'switch' | 'text' | 'int' | 'float';
  readonly choices?: readonly string[];
  /** What the value is, in help: `HOST`. */
  readonly value?: string;
  /** Documented default, for help only: defaults live in the config schema. */
  readonly default?: string;
  /** One line. Flags that are only named in help have none. */
  readonly help?: string;
  readonly group?: string;
  /** Each occurrence counts; otherwise the last wins. */
  readonly repeat?: true;
}

export interface ParsedOptions {
  /** Last value by name; switches are `true`. */
  readonly values: ReadonlyMap<string, string>;
  /** Every occurrence of repeatable options, in order. */
  readonly repeated: readonly { readonly name: string; readonly value: string }[];
  readonly positionals: readonly string[];
}

export interface OptionProblem {
  readonly problem: string;
  readonly hint?: string;
}

/** argparse's rules: `--a b`, `--a=b`, unique prefixes, `--` ends options; a value may be empty but not look like an option. */
export function parseOptions(options: readonly Option[], args: readonly string[]): ParsedOptions | OptionProblem {
  const values = new Map<string, string>();
  const repeated: { name: string; value: string }[] = [];
  const positionals: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!;
    if (arg === '--') {
      positionals.push(...args.slice(index + 1));
      break;
    }
    if (!arg.startsWith('-') || arg === '-') {
      positionals.push(arg);
      continue;
    }
    const equals = arg.indexOf('=');
    const typed = equals < 0 ? arg : arg.slice(0, equals);
    const option = find(options, typed);
    if ('problem' in option) return option;
    let value = equals < 0 ? undefined : arg.slice(equals + 1);
    if (option.kind === 'switch') {
      if (value !== undefined) return { problem: `argument --${option.name}: ignored explicit argument '${value}'` };
      value = 'true';
    } else if (value === undefined) {
      const next = args[index + 1];
      if (next === undefined || looksLikeOption(next)) {
        return { problem: `argument --${option.name}: expected one argument` };
      }
      value = next;
      index++;
    }
    const wrong = check(option, value);
    if (wrong) return wrong;
    if (option.repeat) repeated.push({ name: option.name, value });
    values.set(option.name, value);
  }
  return { values, repeated, positionals };
}

const SHORT: Readonly<Record<string, string>> = { '-h': 'help', '-c': 'config', '-V': 'version' };

function find(options: readonly Option[], typed: string): Option | OptionProblem {
  const name = SHORT[typed] ?? (typed.startsWith('--') ? typed.slice(2) : undefined);
  const exact = options.find((option) => option.name === name);
  if (exact) return exact;
  const matches = name ? options.filter((option) => option.name.startsWith(name)) : [];
  if (matches.length === 1) return matches[0]!;
  if (matches.length > 1) {
    const could = matches.map((option) => `--${option.name}`).join(', ');
    return { problem: `ambiguous option: ${typed} could match ${could}` };
  }
  const known = options.map((option) => `--${option.name}`);
  const hint = didYouMean(typed, known);
  return { problem: `unrecognized arguments: ${typed}`, ...(hint !== undefined && { hint }) };
}

function looksLikeOption(text: string): boolean {
  return /^-./.test(text) && !/^-\d+(\.\d+)?$/.test(text) && !text.includes(' ');
}

function check(option: Option, value: string): OptionProblem | undefined {
  const { name, choices, kind } = option;
  if (choices && !choices.includes(value)) {
    const hint = didYouMean(value, choices);
    const list = choices.map((choice) => `'${choice}'`).join(', ');
    const problem = `argument --${name}: invalid choice: '${value}' (choose from ${list})`;
    return { problem, ...(hint !== undefined && { hint }) };
  }
  if (kind === 'int' && !/^\s*[+-]?\d+\s*$/.test(value)) {
    return { problem: `argument --${name}: invalid int value: '${value}'` };
  }
  if (kind === 'float' && (value.trim() === '' || !Number.isFinite(Number(value)))) {
    return { problem: `argument --${name}: invalid float value: '${value}'` };
  }
  return undefined;
}
