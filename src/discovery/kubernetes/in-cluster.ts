import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { ClusterAccess, Connection } from './access.ts';
import type { AgentHolder } from './agent.ts';
import { ApiError } from './api-error.ts';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * A pod's own access: three files and two variables. Done without the Kubernetes client, whose import costs 87 MB and a second.
 * The files are read for every request. While they cannot be read, what they held before is used: the API decides whether it is
 * still good, not the state of a volume.
 */
export class InClusterAccess implements ClusterAccess {
  readonly #server: string;
  readonly #folder: string;
  readonly #agents: AgentHolder;
  readonly #known = new Map<string, string>();

  constructor(host: string, port: string, root: string, agents: AgentHolder) {
    this.#server = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
    this.#folder = join(root, SERVICE_ACCOUNT);
    this.#agents = agents;
  }

  async connection(): Promise<Connection> {
    const [token, ca] = await Promise.all([this.#read('token'), this.#read('ca.crt')]);
    return {
      server: this.#server,
      dispatcher: await this.#agents.get({ ca }),
      headers: { authorization: `Bearer ${token}` },
    };
  }

  async namespace(): Promise<string | undefined> {
    return this.#read('namespace').catch(() => undefined);
  }

  close(): Promise<void> {
    return this.#agents.close();
  }

  async #read(name: string): Promise<string> {
    const path = join(this.#folder, name);
    try {
      const text = (await readFile(path, 'utf8')).trim();
      if (text === '') throw new Error(`${path} is empty`);
      this.#known.set(name, text);
      return text;
    } catch (error) {
      const known = this.#known.get(name);
      if (known !== undefined) return known;
      throw new ApiError('credentials', `service account: ${(error as Error).message}`, { cause: error });
    }
  }
}
