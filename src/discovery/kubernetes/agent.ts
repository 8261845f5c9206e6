import type { Dispatcher } from 'undici';

/** The subset of TLS and proxy settings that a cluster may need. */
export interface AgentSettings {
  readonly ca?: string | Buffer | undefined;
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  readonly servername?: string | undefined;
  readonly rejectUnauthorized?: boolean | undefined;
  readonly proxy?: string | undefined;
}

/**
 * One undici agent for a cluster, replaced when its certificates change. (The cluster's own client makes one for each call, and
 * each lingers for 4 s: 100 calls were 100 TLS connections.)
 */
export class AgentHolder {
  readonly #connectTimeout: number;
  #key = '';
  #agent: Dispatcher | undefined;

  /** `connectTimeout` in ms, TLS included. */
  constructor(connectTimeout: number) {
    this.#connectTimeout = connectTimeout;
  }

  async get(settings: AgentSettings): Promise<Dispatcher> {
    const { Agent, ProxyAgent } = await import('undici');
    const { proxy, ...tls } = settings;
    const key = JSON.stringify(settings, (_, value) => value ?? null);
    if (this.#agent && key === this.#key) return this.#agent;
    // What runs on the old one, a watch for instance, ends in its own time.
    void this.#agent?.close().catch(() => {});
    const given = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
    const connect = { ...given, timeout: this.#connectTimeout, keepAlive: true, keepAliveInitialDelay: 30_000 };
    this.#agent = proxy
      ? new ProxyAgent({ uri: proxy, requestTls: given, allowH2: false })
      : // HTTP/1.1: with HTTP/2 a stalled connection would stall lists and watches alike.
        new Agent({ connect, allowH2: false, keepAliveTimeout: 4000 });
    this.#key = key;
    return this.#agent;
  }

  /** Cuts everything under way. */
  async close(): Promise<void> {
    const agent = this.#agent;
    this.#agent = undefined;
    await agent?.destroy();
  }
}
