import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { loadRecording, type Recording } from './recording.ts';

/** How the recorded bytes are cut into writes. */
export type Segments =
  /** One write. */
  | 'whole'
  /** As the engine's reads were, without their pauses. */
  | 'reads'
  /** With their pauses. */
  | 'timed'
  /** Every byte a write of its own. */
  | 'bytes';

export interface Replay {
  readonly recording: string | Recording;
  readonly segments?: Segments;
  /** How the connection stands afterwards; absent: as it was recorded. */
  readonly end?: 'open' | 'fin' | 'rst';
  /** Bytes of the response to send before the end; absent: all. */
  readonly bytes?: number;
  /** ms before the first byte. */
  readonly delay?: number;
}

export interface ReplayedRequest {
  readonly method: string;
  readonly path: string;
  /** Head and body as they came. */
  readonly head: string;
  readonly body: Buffer;
  readonly connection: number;
}

/** Which recording answers a request; undefined: the connection is ended without an answer. */
export type Script = (request: ReplayedRequest, count: number) => Replay | undefined;

/** A TCP server that plays recorded engine bytes back, and keeps the request bytes it got. */
export class ReplayEngine {
  readonly requests: ReplayedRequest[] = [];
  /** Connections that their client ended. */
  left = 0;
  connections = 0;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private readonly script: Script;
  private readonly watchers = new Set<() => void>();

  private constructor(script: Script) {
    this.script = script;
    this.server = createServer({ noDelay: true, allowHalfOpen: false }, (socket) => this.accept(socket));
  }

  /** `script`: a recording for every request, one by path, or a function. `GET /health` is answered 200 unless scripted. */
  static async start(
    script: Script | string | Replay | Readonly<Record<string, string | Replay>>,
  ): Promise<ReplayEngine> {
    const engine = new ReplayEngine(scriptOf(script));
    await new Promise<void>((resolve) => engine.server.listen(0, '127.0.0.1', resolve));
    return engine;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Resolves once `condition` holds; asked again at every request and end of a connection. */
  async until(condition: (engine: ReplayEngine) => boolean): Promise<void> {
    while (!condition(this)) {
      await new Promise<void>((resolve) => {
        const watch = () => {
          this.watchers.delete(watch);
          resolve();
        };
        this.watchers.add(watch);
      });
    }
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private accept(socket: Socket): void {
    const connection = ++this.connections;
    let received = Buffer.alloc(0);
    let busy = false;
    this.sockets.add(socket);
    let leaving = false;
    socket.on('error', () => {});
    socket.on('end', () => {
      leaving = true;
    });
    socket.on('close', (hadError) => {
      this.sockets.delete(socket);
      if (leaving || hadError) this.left++;
      this.wake();
    });
    const next = async (): Promise<void> => {
      const request = takeRequest(received, connection);
      if (!request || busy) return;
      received = received.subarray(request.size);
      this.requests.push(request);
      this.wake();
      busy = true;
      const ended = await this.answer(socket, request);
      busy = ended;
      if (!ended) await next();
    };
    socket.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data]);
      void next();
    });
  }

  /** True when the connection is over. */
  private async answer(socket: Socket, request: ReplayedRequest): Promise<boolean> {
    const replay = this.script(request, this.requests.length);
    if (!replay) {
      socket.destroySoon();
      return true;
    }
    const recording = typeof replay.recording === 'string' ? loadRecording(replay.recording) : replay.recording;
    if (replay.delay) await wait(replay.delay);
    await play(socket, recording, replay);
    const end = replay.end ?? (recording.end === 'fin' || recording.end === 'rst' ? recording.end : 'open');
    if (end === 'fin') socket.destroySoon();
    if (end === 'rst') socket.resetAndDestroy();
    return end !== 'open';
  }

  private wake(): void {
    for (const watch of [...this.watchers]) watch();
  }
}

async function play(
  socket: Socket,
  { response, reads }: Recording,
  { segments = 'whole', bytes }: Replay,
): Promise<void> {
  const all = bytes === undefined ? response : response.subarray(0, bytes);
  if (segments === 'whole') {
    socket.write(all);
    return;
  }
  const sizes: (readonly [ms: number, bytes: number])[] =
    segments === 'bytes' ? [...all].map(() => [0, 1]) : [...reads];
  let at = 0;
  const started = performance.now();
  for (const [ms, size] of sizes) {
    if (at >= all.length || socket.destroyed) return;
    if (segments === 'timed') await wait(ms - (performance.now() - started));
    // The write's callback comes once the kernel has it: the next one is a segment of its own.
    await new Promise<void>((resolve) => {
      if (!socket.write(all.subarray(at, at + size), () => resolve()) && socket.destroyed) resolve();
    });
    at += size;
  }
  if (at < all.length) socket.write(all.subarray(at));
}

function wait(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}

function scriptOf(script: Script | string | Replay | Readonly<Record<string, string | Replay>>): Script {
  if (typeof script === 'function') return script;
  if (typeof script === 'string') return (request) => probe(request) ?? { recording: script };
  if ('recording' in script) return (request) => probe(request) ?? (script as Replay);
  return (request) => {
    const found = (script as Readonly<Record<string, string | Replay>>)[request.path];
    return typeof found === 'string' ? { recording: found } : (found ?? probe(request));
  };
}

function probe({ path }: ReplayedRequest): Replay | undefined {
  return path === '/health' ? { recording: 'get-health' } : undefined;
}

function takeRequest(bytes: Buffer, connection: number): (ReplayedRequest & { readonly size: number }) | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = bytes.toString('latin1', 0, end + 4);
  const start = end + 4;
  let size = start;
  if (/^transfer-encoding:.*chunked/im.test(head)) {
    const last = bytes.indexOf('0\r\n\r\n', start);
    if (last < 0) return undefined;
    size = last + 5;
  } else size += Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
  if (bytes.length < size) return undefined;
  const [method = '', path = ''] = head.split(' ', 2);
  return { method, path, head, body: bytes.subarray(start, size), connection, size };
}
