import { SCHEMA } from '../config/schema.ts';
import { FLAGS } from './flags.ts';
import type { Option } from './options.ts';

/** A command of the CLI: what it takes and what it says of itself. What it does is in the file of its name. */
export interface Command {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** What follows the name, in help. */
  readonly args?: string;
  /** Most positional arguments; none when absent. */
  readonly maxArgs?: number;
  /** What a shell offers for the argument, where that is no file. */
  readonly words?: () => readonly string[];
  /** It also takes every documented flag, which overlay the file. */
  readonly flags?: true;
  readonly options?: readonly Option[];
  readonly details: string;
  readonly examples: readonly string[];
}

export const COMMANDS: readonly Command[] = [
  {
    name: 'serve',
    summary: 'run the router (the default command)',
    flags: true,
    details: 'Serves until SIGTERM or Ctrl-C. The file is watched and reloaded as a whole; flags stay on top of it.',
    examples: [
      'vllm-router --config router.yaml',
      'vllm-router --service-discovery static --routing-logic roundrobin \\\n      --static-backends http://gpu1:8000,http://gpu2:8000 --static-models llama,llama',
    ],
  },
  {
    name: 'check',
    summary: 'find everything that is wrong with a file',
    args: '[FILE|DIR…]',
    maxArgs: Number.POSITIVE_INFINITY,
    flags: true,
    options: [
      { name: 'strict', kind: 'switch', help: 'warnings make it exit 3' },
      { name: 'no-secrets', kind: 'switch', help: 'do not look whether secrets and certificates can be read' },
      {
        name: 'format',
        kind: 'text',
        choices: ['text', 'json', 'github', 'sarif'],
        default: 'text',
        help: 'how findings are written',
      },
    ],
    details:
      'Each FILE or DIR is a configuration of its own; - is standard input, and without any, ./router.yaml. Needs no network. Exits 1 when there are errors.',
    examples: ['vllm-router check router.yaml', 'vllm-router check --strict --no-secrets --format github deploy/'],
  },
  {
    name: 'print',
    summary: 'show the effective configuration and who said each value',
    flags: true,
    args: '[FILE|DIR]',
    maxArgs: 1,
    options: [
      { name: 'format', kind: 'text', choices: ['yaml', 'json'], default: 'yaml', help: 'how it is written' },
      { name: 'written', kind: 'switch', help: 'only what the file and the flags say, without defaults' },
      {
        name: 'origins',
        kind: 'switch',
        help: 'with --format json: { config, origins }, where origins has who said each value, by its path',
      },
    ],
    details:
      'The output is a valid file: with flags alone and --written, this is the way from flags to a file. Secrets are not read.',
    examples: [
      'vllm-router print router.yaml',
      'vllm-router print --written --service-discovery k8s --routing-logic session --session-key x-user',
    ],
  },
  {
    name: 'diff',
    summary: 'show what changes from one configuration to another',
    args: 'A B',
    maxArgs: 2,
    flags: true,
    options: [
      {
        name: 'against',
        kind: 'text',
        value: 'URL',
        help: 'in place of B: from what the router runs whose admin listener this is, to A',
      },
      { name: 'format', kind: 'text', choices: ['text', 'json'], default: 'text', help: 'how it is written' },
    ],
    details:
      'Compares what the two mean, not how they are written: defaults count where they reach a route. Each change says what it takes while the router runs: hot, rebind (a listener is bound anew), or restart. Exits 2 when something changes.',
    examples: [
      'vllm-router diff router.yaml new/router.yaml',
      'git show main:router.yaml | vllm-router diff - router.yaml',
      'vllm-router diff router.yaml --against http://127.0.0.1:9090',
    ],
  },
  {
    name: 'route',
    summary: 'tell where a request would go, and why',
    args: '[FILE|DIR]',
    maxArgs: 1,
    flags: true,
    options: [
      { name: 'model', kind: 'text', value: 'MODEL', help: 'the model that the client asks for' },
      {
        name: 'header',
        kind: 'text',
        value: 'NAME=VALUE',
        repeat: true,
        help: 'a header of the request; may be repeated',
      },
      { name: 'session', kind: 'text', value: 'KEY', help: 'its session, put where the route reads it' },
      { name: 'prompt', kind: 'text', value: 'TEXT', help: 'its prompt, for prefix-aware' },
      { name: 'against', kind: 'text', value: 'URL', help: 'ask the running router whose admin listener this is' },
      { name: 'format', kind: 'text', choices: ['text', 'json'], default: 'text', help: 'how the answer is written' },
    ],
    details:
      'Without --against it goes by the file alone: static backends count as ready and idle. Nothing is sent to any backend and no algorithm takes a turn. A router that wants a key finds it in $VLLM_ROUTER_ADMIN_KEY. Exits 1 when nobody would serve the request.',
    examples: [
      'vllm-router route --model llama --session user-1 router.yaml',
      'vllm-router route --model llama --header x-team=agents --against http://127.0.0.1:9090',
    ],
  },
  {
    name: 'migrate',
    summary: "write the original router's settings as a router.yaml",
    args: '[FILE]',
    maxArgs: 1,
    flags: true,
    details:
      "FILE is the original's dynamic config (JSON or YAML) or the values of its Helm chart; without it, the flags are taken. Comments are kept, each value says where it came from, and what is not taken over stands at the top.",
    examples: [
      'vllm-router migrate values.yaml > router.yaml',
      'vllm-router migrate --service-discovery static --routing-logic roundrobin \\\n      --static-backends http://gpu1:8000 --static-models llama > router.yaml',
    ],
  },
  {
    name: 'init',
    summary: 'write a first router.yaml for servers that are running',
    args: '[URL…]',
    maxArgs: Number.POSITIVE_INFINITY,
    options: [
      {
        name: 'output',
        kind: 'text',
        value: 'FILE',
        default: 'router.yaml',
        help: 'where to write; - is standard output',
      },
      { name: 'force', kind: 'switch', help: 'replace the file' },
      { name: 'key-env', kind: 'text', value: 'NAME', help: 'environment variable with the API key of the servers' },
    ],
    details:
      'Asks each server for its models, and for the servers where no URL is given. A /v1 at the end of a URL is left out.',
    examples: ['vllm-router init http://gpu1:8000 http://gpu2:8000'],
  },
  {
    name: 'schema',
    summary: 'print the JSON Schema, or explain one part of the file',
    args: '[PATH]',
    maxArgs: 1,
    words: () => Object.keys(SCHEMA.properties!),
    options: [{ name: 'markdown', kind: 'switch', help: 'write the reference of every key as Markdown' }],
    details:
      'Without PATH, the schema itself for editors and other tools. With PATH, what may stand there; names of maps and numbers of lists may be anything. A key alone tells where it stands.',
    examples: [
      'vllm-router schema > router.schema.json',
      'vllm-router schema routes[0].timeouts',
      'vllm-router schema firstByte',
    ],
  },
  {
    name: 'demo',
    summary: 'run the router in front of three simulated engines',
    options: [
      { name: 'port', kind: 'int', value: 'PORT', default: '8001', help: 'port of the router' },
      {
        name: 'admin-port',
        kind: 'int',
        value: 'PORT',
        default: '8002',
        help: 'port of its status page; a free one where that is taken',
      },
      {
        name: 'engine-port',
        kind: 'int',
        value: 'PORT',
        default: '9001',
        help: 'port of the first engine; the others follow',
      },
    ],
    details:
      'Runs examples/demo.yaml, prints what to try, and ends on Ctrl-C. Nothing but the router itself is needed.',
    examples: ['vllm-router demo', 'vllm-router demo --port 8101 --engine-port 9101'],
  },
  {
    name: 'simulate',
    summary: 'replay a trace or a workload on simulated engines, algorithm against algorithm',
    options: [
      { name: 'config', kind: 'text', value: 'FILE', help: "also run a route's algorithm as this file configures it" },
      { name: 'route', kind: 'text', value: 'NAME', help: 'which route of the file; the first one otherwise' },
      { name: 'trace', kind: 'text', value: 'FILE', help: "requests in Mooncake's format, one JSON object a line" },
      {
        name: 'workload',
        kind: 'text',
        value: 'NAME',
        default: 'shared-prefixes',
        help: 'made-up requests: shared-prefixes, one-prefix, decode-bound or zipf',
      },
      {
        name: 'rate',
        kind: 'text',
        value: 'LIST',
        help: "requests a second, as 20,40, or times the workload's own, as 1x,2x",
      },
      { name: 'engines', kind: 'int', value: 'N', default: '8', help: 'how many engines' },
      { name: 'requests', kind: 'int', value: 'N', help: 'requests of a run; 10,000 or the whole trace otherwise' },
      { name: 'seeds', kind: 'int', value: 'N', default: '3', help: 'runs whose figures are averaged' },
      {
        name: 'compare',
        kind: 'text',
        value: 'LIST',
        default: 'prefix-aware,least-load,round-robin',
        help: 'algorithms, and what others do: smg-cache-aware, llm-d-sticky',
      },
      { name: 'objective', kind: 'text', value: 'TIME', default: '2s', help: 'the knee is where TTFT p90 exceeds it' },
      {
        name: 'engine',
        kind: 'text',
        value: 'LIST',
        help: 'ms of a step: beta0=7 and beta1=0.06 a prompt token, beta2=0.08 a sequence; stepTokens, maxSequences, cacheTokens',
      },
      {
        name: 'calibrate',
        kind: 'text',
        value: 'URL',
        help: 'measure beta0, beta1, beta2 and cacheTokens on an idle engine',
      },
      { name: 'model', kind: 'text', value: 'NAME', help: 'model to measure with; the first one it lists otherwise' },
      { name: 'html', kind: 'text', value: 'FILE', help: 'also write a page with charts' },
      { name: 'format', kind: 'text', choices: ['text', 'json'], default: 'text', help: 'how figures are written' },
    ],
    details:
      "The router's own algorithm code runs on a virtual clock against engines with serialised prefill and a bounded prefix cache. Sends nothing to anybody, but for --calibrate, which uses $OPENAI_API_KEY where the engine wants a key.",
    examples: [
      'vllm-router simulate --workload shared-prefixes --html report.html',
      'vllm-router simulate --config router.yaml --trace trace.jsonl --rate 1x,2x,3x \\\n      --compare least-load,llm-d-sticky',
    ],
  },
  {
    name: 'completion',
    summary: 'print a completion script for bash, zsh or fish',
    args: 'SHELL',
    maxArgs: 1,
    words: () => ['bash', 'zsh', 'fish'],
    details: 'Made of the same tables as the parser, so it knows every command, option and choice of this version.',
    examples: [
      'source <(vllm-router completion bash)',
      'vllm-router completion zsh > ~/.zfunc/_vllm-router',
      'vllm-router completion fish | source',
    ],
  },
  {
    name: 'help',
    summary: 'explain the router or one command',
    args: '[COMMAND]',
    maxArgs: 1,
    words: () => COMMANDS.map(({ name }) => name),
    options: [{ name: 'markdown', kind: 'switch', help: 'write the reference of every flag as Markdown' }],
    details: 'The same as --help.',
    examples: ['vllm-router help check'],
  },
];

const HELP: readonly Option[] = [
  { name: 'help', kind: 'switch', help: 'explain and exit' },
  { name: 'version', kind: 'switch', help: 'print the version and exit' },
];

/** Everything that may stand after the command's name. */
export function optionsOf(command: Command): Option[] {
  return [...(command.options ?? []), ...(command.flags ? FLAGS : []), ...HELP];
}

export function findCommand(name: string): Command | undefined {
  return COMMANDS.find((command) => command.name === name);
}
