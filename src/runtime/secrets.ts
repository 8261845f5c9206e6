import { readFileSync, statSync } from 'node:fs';
import type { Config, Secret } from '../config/config.ts';
import { isHeaderValue, isKey, type KeyHolder, KeySet } from './key-set.ts';

/** Bytes. */
const MAX_SIZE = 1024 * 1024;

interface Use {
  readonly secret: Secret;
  /** The node of the config that names it. */
  readonly path: string;
  readonly as: 'key' | 'keys' | 'header';
}

/**
 * The secrets a config names, read when it is put in force and again when the watcher sees one of their files change. What
 * was read stays valid until all of a config's secrets can be read again.
 */
export class Secrets {
  readonly #env: Readonly<Record<string, string | undefined>>;
  #keys = new Map<string, string>();
  #keySets = new Map<string, KeySet>();

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  /** Reads every secret of `config`. Returns what is wrong with them, each with its path; then nothing has changed. */
  load(config: Config): readonly string[] {
    const keys = new Map(this.#keys);
    const keySets = new Map(this.#keySets);
    const problems: string[] = [];
    const read = new Set<string>();
    for (const { secret, path, as } of uses(config)) {
      // A thousand backends may share one key.
      const use = `${as}:${identity(secret)}`;
      if (read.has(use)) continue;
      try {
        const text = this.#read(secret);
        if (as === 'keys') keySets.set(identity(secret), new KeySet(text));
        else if (as === 'header' ? isHeaderValue(text) : isKey(text)) keys.set(identity(secret), text);
        else if (as === 'header') throw new Error('it is no value for a header: printable characters on one line');
        else throw new Error('it is not a key: printable characters without spaces or line breaks');
        read.add(use);
      } catch (error) {
        problems.push(`${path}: ${describe(secret)}: ${reason(error)}`);
      }
    }
    if (problems.length === 0) {
      this.#keys = keys;
      this.#keySets = keySets;
    }
    return problems;
  }

  /** A single key, as it was read last; undefined when no config loaded so far names it. */
  resolve(secret: Secret): string | undefined {
    return this.#keys.get(identity(secret));
  }

  /** Whose key it is; undefined when it is nobody's. */
  authenticate(keys: Secret, presented: string): KeyHolder | undefined {
    return this.#keySets.get(identity(keys))?.find(presented);
  }

  /** Every file beside the config whose change concerns it: secrets, certificates and their keys. */
  files(config: Config): string[] {
    const files = uses(config).flatMap(({ secret }) => ('file' in secret ? [secret.file] : []));
    for (const { tls } of Object.values(config.listeners)) if (tls) files.push(tls.certFile, tls.keyFile);
    return [...new Set(files)];
  }

  #read(secret: Secret): string {
    if ('env' in secret) {
      const value = this.#env[secret.env];
      if (value === undefined) throw new Error('it is not set');
      if (value === '') throw new Error('it is empty');
      return value;
    }
    const info = statSync(secret.file);
    // Reading a pipe would wait for ever.
    if (!info.isFile()) throw new Error('it is not a file');
    if (info.size > MAX_SIZE) throw new Error('it is larger than 1 MiB');
    const text = readFileSync(secret.file, 'utf8').trim();
    if (text === '') throw new Error('it is empty');
    return text;
  }
}

function uses(config: Config): Use[] {
  const found: Use[] = [];
  for (const [name, { keys }] of Object.entries(config.auth)) {
    found.push({ secret: keys, path: `auth.${name}.keys`, as: 'keys' });
  }
  for (const [name, source] of Object.entries(config.discovery)) {
    const path = `discovery.${name}`;
    if (source.type === 'k8s') {
      if (source.apiKey) found.push({ secret: source.apiKey, path: `${path}.apiKey`, as: 'key' });
      continue;
    }
    for (const [i, { apiKey }] of source.backends.entries()) {
      if (apiKey) found.push({ secret: apiKey, path: `${path}.backends[${i}].apiKey`, as: 'key' });
    }
  }
  for (const [name, secret] of Object.entries(config.tracing?.headers ?? {})) {
    found.push({ secret, path: `tracing.headers.${name}`, as: 'header' });
  }
  return found;
}

function identity(secret: Secret): string {
  return 'env' in secret ? `env:${secret.env}` : `file:${secret.file}`;
}

function describe(secret: Secret): string {
  return 'env' in secret ? `environment variable ${secret.env}` : `file ${secret.file}`;
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? 'it does not exist' : code === 'EACCES' ? 'it may not be read' : message;
}
