import { once } from 'node:events';
import type { HeapSpaceInfo } from 'node:v8';

/** What is left of a process's memory behind a full collection, in bytes. */
export interface LeftMemory {
  /** Resident, without `code`. */
  readonly rss: number;
  /** Objects, and buffers outside of V8's heap. */
  readonly live: number;
  /**
   * What V8 has compiled, and its notes on it. That grows for minutes as it comes to what is done now and then, by 0.4 MiB between the second
   * minute and the fifth (two heap snapshots: 0.42 of 0.43 MiB were code), and goes again when it is not used.
   */
  readonly code: number;
}

/** Spaces of V8's heap. */
const CODE = ['code_space', 'code_large_object_space', 'trusted_space', 'trusted_large_object_space'];

/** A connection to the inspector of a Node process, which can make it collect garbage. */
export class Inspector {
  readonly #socket: WebSocket;
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** `port`: of a process started with `--inspect=127.0.0.1:PORT`. */
  static async open(port: number): Promise<Inspector> {
    const targets = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json();
    const [{ webSocketDebuggerUrl: url }] = targets as [{ webSocketDebuggerUrl: string }];
    const socket = new WebSocket(url);
    await once(socket, 'open');
    return new Inspector(socket);
  }

  /** Collects all garbage and tells what is left. */
  async collect(): Promise<LeftMemory> {
    await this.#ask('HeapProfiler.collectGarbage', {});
    const expression =
      "JSON.stringify([process.memoryUsage(), process.getBuiltinModule('v8').getHeapSpaceStatistics()])";
    const { result } = (await this.#ask('Runtime.evaluate', { expression })) as { result: { value: string } };
    const [{ rss, heapUsed, external }, spaces] = JSON.parse(result.value) as [NodeJS.MemoryUsage, HeapSpaceInfo[]];
    const code = spaces
      .filter(({ space_name }) => CODE.includes(space_name))
      .reduce((sum, { space_used_size }) => sum + space_used_size, 0);
    return { rss: rss - code, live: heapUsed + external - code, code };
  }

  close(): void {
    this.#socket.close();
  }

  #ask(method: string, params: object): Promise<unknown> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      const hear = ({ data }: MessageEvent) => {
        const message = JSON.parse(String(data)) as { id?: number; result?: unknown; error?: { message: string } };
        if (message.id !== id) return;
        this.#socket.removeEventListener('message', hear);
        if (message.error) reject(new Error(`${method}: ${message.error.message}`));
        else resolve(message.result);
      };
      this.#socket.addEventListener('message', hear);
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }
}
