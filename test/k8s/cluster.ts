import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const KIT = join(import.meta.dirname, 'kit', 'apiserver.sh');

export type Role = 'pod-ip' | 'service-name' | 'operator' | 'none';

/** A real API server with etcd, on free loopback ports. */
export class Cluster {
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly #binary: string;

  private constructor(dir: string, env: Record<string, string>, binary: string) {
    this.dir = dir;
    this.env = env;
    this.#binary = binary;
  }

  /** `flags` go to kube-apiserver. */
  static async start(flags: readonly string[] = []): Promise<Cluster> {
    const binary = (await run(KIT, ['path'])).stdout.trim();
    const dir = await mkdtemp(join(tmpdir(), 'kube-test-'));
    await run(binary, ['start', dir, ...flags], { env: { KUBE_TEST_TTL: '30m', ...process.env } });
    const env: Record<string, string> = {};
    for (const line of (await readFile(join(dir, 'env'), 'utf8')).split('\n')) {
      const at = line.indexOf('=');
      if (at > 0) env[line.slice(0, at)] = line.slice(at + 1);
    }
    return new Cluster(dir, env, binary);
  }

  /** The kit's commands: `do('pod', 'engine-0', '-ip', '127.0.0.2')`. */
  async do(command: string, ...args: readonly string[]): Promise<string> {
    return (await run(this.#binary, [command, this.dir, ...args])).stdout.trim();
  }

  /** The root of a file system in which the service account's folder is mounted. */
  serviceAccount(name: string, role: Role, ...flags: readonly string[]): Promise<string> {
    return this.do('serviceaccount', name, '-role', role, ...flags);
  }

  /** Variables of a process inside of the cluster. */
  get inCluster(): Record<string, string> {
    return {
      KUBERNETES_SERVICE_HOST: this.env['KUBERNETES_SERVICE_HOST']!,
      KUBERNETES_SERVICE_PORT: this.env['KUBERNETES_SERVICE_PORT']!,
    };
  }

  get port(): number {
    return Number(this.env['KUBERNETES_SERVICE_PORT']);
  }

  /** SIGTERM without waiting for the end, which an API server with open watches puts off for 60 s. */
  async terminate(component: 'apiserver' | 'etcd'): Promise<void> {
    const state = JSON.parse(await readFile(join(this.dir, 'state.json'), 'utf8')) as { pids: Record<string, number> };
    process.kill(state.pids[component]!, 'SIGTERM');
  }

  /** Resolves when the API server takes no new connection. */
  async refuses(): Promise<void> {
    for (;;) {
      const socket = connect(this.port, '127.0.0.1');
      try {
        await once(socket, 'connect');
      } catch {
        return;
      } finally {
        socket.destroy();
      }
      await setTimeout(50);
    }
  }

  /** A request as the administrator; rejects on any answer but 2xx. */
  async admin(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<unknown> {
    const [ca, cert, key] = await Promise.all(
      ['ca.crt', 'admin.crt', 'admin.key'].map((name) => readFile(join(this.dir, 'certs', name))),
    );
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const options = { host: '127.0.0.1', port: this.port, path, method, ca, cert, key, agent: false as const };
    const call = request({ ...options, headers: { 'content-type': contentType } }, async (answer) => {
      let text = '';
      for await (const chunk of answer) text += chunk;
      if (answer.statusCode! > 299) reject(new Error(`${method} ${path}: ${answer.statusCode} ${text}`));
      else resolve(JSON.parse(text));
    });
    call.on('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
    return promise;
  }

  /** Removes all pods, services and endpoints of a namespace, so that the next test finds nothing. */
  async clear(namespace = 'default'): Promise<void> {
    const at = `/api/v1/namespaces/${namespace}`;
    await this.admin('DELETE', `${at}/pods?gracePeriodSeconds=0`);
    await this.admin('DELETE', `${at}/endpoints`);
    const services = (await this.admin('GET', `${at}/services`)) as { items: { metadata: { name: string } }[] };
    for (const { metadata } of services.items) {
      if (metadata.name !== 'kubernetes') await this.admin('DELETE', `${at}/services/${metadata.name}`);
    }
  }

  async stop(): Promise<void> {
    await this.do('stop').catch(() => {});
    await rm(this.dir, { recursive: true, force: true });
  }
}
