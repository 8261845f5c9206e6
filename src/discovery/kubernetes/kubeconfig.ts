import { existsSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import type { ClusterAccess, Connection } from './access.ts';
import type { AgentHolder } from './agent.ts';
import { ApiError } from './api-error.ts';

/**
 * Access by a kubeconfig: contexts, client certificates, exec plugins and the rest are @kubernetes/client-node's. It is loaded
 * here, at the first request, and nowhere else.
 */
export class KubeconfigAccess implements ClusterAccess {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #agents: AgentHolder;
  #config: KubeConfig | undefined;

  constructor(env: Readonly<Record<string, string | undefined>>, agents: AgentHolder) {
    this.#env = env;
    this.#agents = agents;
  }

  async connection(fresh = false): Promise<Connection> {
    try {
      return await this.#connection(fresh);
    } catch (error) {
      throw new ApiError('credentials', `kubeconfig: ${(error as Error).message}`, { cause: error });
    }
  }

  async namespace(): Promise<string | undefined> {
    try {
      const config = await this.#load(false);
      return config.getContextObject(config.getCurrentContext())?.namespace;
    } catch {
      return undefined;
    }
  }

  close(): Promise<void> {
    return this.#agents.close();
  }

  async #connection(fresh: boolean): Promise<Connection> {
    const config = await this.#load(fresh);
    const cluster = config.getCurrentCluster();
    if (!cluster) throw new Error(`context "${config.getCurrentContext()}" names no cluster`);
    // `kubectl proxy`. No credentials over plain HTTP.
    if (cluster.server.startsWith('http:')) {
      return { server: cluster.server, dispatcher: await this.#agents.get({}), headers: {} };
    }
    if (cluster.proxyUrl?.startsWith('socks')) throw new Error('SOCKS proxies are not supported; use an HTTP proxy');
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const dispatcher = await this.#agents.get({
      ca: options.ca as Buffer | undefined,
      cert: options.cert as Buffer | undefined,
      key: options.key as Buffer | undefined,
      servername: options.servername,
      rejectUnauthorized: options.rejectUnauthorized,
      proxy: cluster.proxyUrl,
    });
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(options.headers ?? {}))
      headers[name.toLowerCase()] = String(value).trim();
    if (options.auth) headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    return { server: cluster.server, dispatcher, headers };
  }

  /** `fresh` reads the files anew, which also drops the tokens that the client caches for a minute. */
  async #load(fresh: boolean): Promise<KubeConfig> {
    if (this.#config && !fresh) return this.#config;
    const given = this.#env['KUBECONFIG']?.split(delimiter).filter((path) => path !== '') ?? [];
    const paths = given.length > 0 ? given : [join(this.#env['HOME'] ?? homedir(), '.kube', 'config')];
    if (given.length === 0 && !existsSync(paths[0]!)) {
      // The client's own default would be http://localhost:8080, and fail there.
      throw new Error(`no cluster: not in a pod, KUBECONFIG is not set and ${paths[0]} does not exist`);
    }
    const { KubeConfig } = await import('@kubernetes/client-node');
    const config = new KubeConfig();
    config.loadFromFile(paths[0]!);
    for (const path of paths.slice(1)) {
      const more = new KubeConfig();
      more.loadFromFile(path);
      config.mergeConfig(more, true);
    }
    this.#config = config;
    return config;
  }
}
