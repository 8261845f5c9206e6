import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { type FoundServer, firstFile } from '../config/first-file.ts';
import { loadConfig } from '../config/load.ts';
import { normaliseUrl } from '../config/url.ts';
import { probeModels } from '../discovery/model-probe.ts';
import { EXIT, type Invocation } from './argv.ts';
import type { Io } from './io.ts';

/** ms; a server that is up lists its models at once. */
const PROBE_TIMEOUT = 3000;

/** `init [URL…]`: asks for the servers where none are named, looks what they serve, and writes a first file. */
export async function runInit({ args, options }: Invocation, io: Io): Promise<number> {
  const answer = args.length > 0 || !io.terminal ? '' : await io.ask('URLs of your inference servers: ');
  const named = args.length > 0 ? args : answer.split(/[\s,]+/).filter((text) => text !== '');
  if (named.length === 0) {
    io.err('usage: vllm-router init [options] URL…\nvllm-router: error: no URL is given\n');
    return EXIT.usage;
  }
  const urls = new Set<string>();
  for (const text of named) {
    // As clients write it; here the path of each request comes after it.
    const url = normaliseUrl(text.includes('://') ? text : `http://${text}`)?.replace(/\/v1$/, '');
    if (url === undefined) {
      io.err(`vllm-router init: '${text}' is no URL\n`);
      return EXIT.usage;
    }
    urls.add(url);
  }
  const output = options.get('output') ?? 'router.yaml';
  if (output !== '-' && !options.has('force') && existsSync(output)) return alreadyThere(output, io);
  const variable = options.get('key-env');
  const key = variable === undefined ? undefined : io.env[variable];
  const servers = await Promise.all([...urls].map((url) => look(url, key, io)));
  const text = firstFile(servers, variable);
  const { config, diagnostics } = loadConfig({ files: [{ name: 'router.yaml', text }], env: {} });
  if (!config) throw new Error(`the first file is not valid: ${diagnostics[0]?.message}`);
  return write(text, output, options.has('force'), io);
}

async function look(url: string, key: string | undefined, io: Io): Promise<FoundServer> {
  try {
    const authorization = key === undefined ? undefined : `Bearer ${key.trim()}`;
    const models = (await probeModels(url, { authorization, timeout: PROBE_TIMEOUT })).map(({ id }) => id);
    io.err(`${url} serves ${models.map((model) => JSON.stringify(model)).join(', ') || 'no model'}\n`);
    return { url, models };
  } catch (error) {
    io.err(`${(error as Error).message}; it is written all the same\n`);
    return { url, models: undefined };
  }
}

async function write(text: string, file: string, force: boolean, io: Io): Promise<number> {
  if (file === '-') {
    io.out(text);
    return EXIT.ok;
  }
  try {
    await writeFile(file, text, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return alreadyThere(file, io);
    io.err(`vllm-router init: ${message}\n`);
    return EXIT.failed;
  }
  io.err(`wrote ${file}; next: vllm-router --config ${file}\n`);
  return EXIT.ok;
}

function alreadyThere(file: string, io: Io): number {
  io.err(`vllm-router init: ${file} is there already; --force replaces it\n`);
  return EXIT.failed;
}
