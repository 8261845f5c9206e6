import { EXIT, type Invocation } from './argv.ts';
import { COMMANDS, type Command, optionsOf } from './commands.ts';
import type { Io } from './io.ts';
import type { Option } from './options.ts';

type Shell = 'bash' | 'zsh' | 'fish';

const SCRIPTS: Readonly<Record<Shell, () => string>> = { bash, zsh, fish };

/** `completion SHELL`: a script for the shell, made of the same tables as the parser. */
export async function runCompletion({ args }: Invocation, io: Io): Promise<number> {
  const [shell] = args;
  if (shell === undefined || !Object.hasOwn(SCRIPTS, shell)) {
    io.err(`usage: vllm-router completion ${Object.keys(SCRIPTS).join('|')}\n`);
    return EXIT.usage;
  }
  io.out(SCRIPTS[shell as Shell]());
  return EXIT.ok;
}

/** Without a command the router serves, so that its options are those of `serve`. */
const SERVE = COMMANDS.find(({ name }) => name === 'serve')!;

function names(options: readonly Option[]): string {
  return options.map(({ name }) => `--${name}`).join(' ');
}

function choicesOf({ choices }: Option): string {
  return (choices ?? []).filter((choice) => choice !== '').join(' ');
}

/** `case` arms for the values of a command's options. */
function bashValues(command: Command): string {
  return optionsOf(command)
    .filter(({ choices }) => choices)
    .map((option) => `--${option.name}) words='${choicesOf(option)}' ;;`)
    .join(' ');
}

function bash(): string {
  const arms = COMMANDS.map((command) => {
    const words = command.words ? ` words='${command.words().join(' ')}'` : '';
    const values = bashValues(command);
    const pattern = command === SERVE ? 'serve | -*' : command.name;
    return `    ${pattern}) options='${names(optionsOf(command))}'${words}
      ${values === '' ? ';;' : `case "$prev" in ${values} esac ;;`}`;
  });
  return `# bash completion for vllm-router: source <(vllm-router completion bash)
_vllm_router() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" options words=
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 && $cur != -* ]]; then
    COMPREPLY=($(compgen -W '${COMMANDS.map(({ name }) => name).join(' ')}' -- "$cur"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${arms.join('\n')}
  esac
  [[ $cur == -* ]] && words=$options
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _vllm_router vllm-router
`;
}

/** Within single quotes, as bash, zsh and fish have them. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function zsh(): string {
  const describe = (option: Option): string => {
    const text = (option.help ?? '').replace(/[[\]:]/g, '\\$&');
    const value =
      option.kind === 'switch'
        ? ''
        : `:${option.value ?? 'value'}:${option.choices ? `(${choicesOf(option)})` : '_files'}`;
    return quote(`--${option.name}[${text}]${value}`);
  };
  const lines = (command: Command): string =>
    optionsOf(command)
      .map((option) => `        ${describe(option)}`)
      .join(' \\\n');
  const commands = COMMANDS.map(({ name, summary }) => `      ${quote(`${name}:${summary.replaceAll(':', '\\:')}`)}`);
  const cases = COMMANDS.map(
    (command) =>
      `    ${command.name})\n      _arguments \\\n${lines(command)} \\\n        '*:${command.words ? `word:(${command.words().join(' ')})` : 'file:_files'}' ;;`,
  );
  return `#compdef vllm-router
# zsh completion for vllm-router: vllm-router completion zsh > "\${fpath[1]}/_vllm-router"
_vllm_router() {
  local -a commands
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    commands=(
${commands.join('\n')}
    )
    _describe command commands
    return
  fi
  local command=$words[2]
  if [[ $command == -* ]]; then
    command=serve
  else
    shift words
    (( CURRENT-- ))
  fi
  case $command in
${cases.join('\n')}
  esac
}
compdef _vllm_router vllm-router
`;
}

function fish(): string {
  const lines = ['# fish completion for vllm-router: vllm-router completion fish | source'];
  const none = '__fish_use_subcommand';
  for (const { name, summary } of COMMANDS)
    lines.push(`complete -c vllm-router -f -n ${none} -a ${name} -d ${quote(summary)}`);
  for (const command of COMMANDS) {
    const within = `__fish_seen_subcommand_from ${command.name}`;
    // A word of another command is no command any more: `help check`.
    if (command.words) {
      const asked = quote(`test (count (commandline -opc)) -eq 2; and ${within}`);
      lines.push(`complete -c vllm-router -f -n ${asked} -a ${quote(command.words().join(' '))}`);
    }
    const conditions = command === SERVE ? [none, within] : [within];
    for (const condition of conditions) {
      for (const option of optionsOf(command)) {
        const value = option.kind === 'switch' ? '' : option.choices ? ` -x -a ${quote(choicesOf(option))}` : ' -r -F';
        const help = option.help === undefined ? '' : ` -d ${quote(option.help)}`;
        lines.push(`complete -c vllm-router -n ${quote(condition)} -l ${option.name}${value}${help}`);
      }
    }
  }
  return `${lines.join('\n')}\n`;
}
