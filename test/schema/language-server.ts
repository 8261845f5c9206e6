import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../node_modules/yaml-language-server/bin/yaml-language-server', import.meta.url));

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

export interface Position {
  readonly line: number;
  readonly character: number;
}

export interface Finding {
  readonly message: string;
  readonly range: { readonly start: Position };
  readonly severity?: number;
}

/** yaml-language-server over stdio, as editors run it, with one schema for every document. */
export class LanguageServer {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #findings = new Map<string, PromiseWithResolvers<readonly Finding[]>>();
  readonly #settings: object;
  #received: Buffer = Buffer.alloc(0);
  #next = 1;

  private constructor(schema: string) {
    this.#settings = { schemas: { [schema]: '*.yaml' }, schemaStore: { enable: false }, hover: true, completion: true };
    this.#child = spawn(process.execPath, [BIN, '--stdio'], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout!.on('data', (data: Buffer) => this.#take(data));
  }

  /** `schema`: its file URL. */
  static async start(schema: string): Promise<LanguageServer> {
    const server = new LanguageServer(schema);
    const completion = { completionItem: { documentationFormat: ['markdown'], snippetSupport: true } };
    await server.request('initialize', {
      processId: process.pid,
      rootUri: null,
      capabilities: {
        textDocument: { completion, hover: { contentFormat: ['markdown'] } },
        workspace: { configuration: true },
      },
    });
    server.#notify('initialized', {});
    server.#notify('workspace/didChangeConfiguration', { settings: { yaml: server.#settings } });
    return server;
  }

  /** Resolves with what the server finds in the text. */
  async open(uri: string, text: string): Promise<readonly Finding[]> {
    const found = Promise.withResolvers<readonly Finding[]>();
    this.#findings.set(uri, found);
    this.#notify('textDocument/didOpen', { textDocument: { uri, languageId: 'yaml', version: 1, text } });
    return found.promise;
  }

  async completions(uri: string, position: Position): Promise<readonly string[]> {
    const answer = await this.request('textDocument/completion', { textDocument: { uri }, position });
    const { items } = answer as { items: readonly { label: string }[] };
    return items.map(({ label }) => label);
  }

  async hover(uri: string, position: Position): Promise<string> {
    const answer = await this.request('textDocument/hover', { textDocument: { uri }, position });
    return (answer as { contents: { value: string } } | null)?.contents.value ?? '';
  }

  request(method: string, params: unknown): Promise<unknown> {
    const id = this.#next++;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    this.#send({ id, method, params });
    return answer.promise;
  }

  async stop(): Promise<void> {
    await this.request('shutdown', null);
    this.#notify('exit', null);
    this.#child.kill();
  }

  #notify(method: string, params: unknown): void {
    this.#send({ method, params });
  }

  #send(message: object): void {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    this.#child.stdin!.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  #take(data: Buffer): void {
    this.#received = Buffer.concat([this.#received, data]);
    for (;;) {
      const end = this.#received.indexOf('\r\n\r\n');
      const length = Number(
        /content-length: (\d+)/i.exec(this.#received.subarray(0, Math.max(0, end)).toString())?.[1],
      );
      if (end < 0 || this.#received.length < end + 4 + length) return;
      const body = this.#received.subarray(end + 4, end + 4 + length).toString();
      this.#received = this.#received.subarray(end + 4 + length);
      this.#handle(JSON.parse(body) as Message);
    }
  }

  #handle({ id, method, params, result, error }: Message): void {
    if (method === undefined) {
      const answer = this.#waiting.get(id!);
      this.#waiting.delete(id!);
      if (error) answer?.reject(new Error(error.message));
      else answer?.resolve(result);
    } else if (method === 'textDocument/publishDiagnostics') {
      const { uri, diagnostics } = params as { uri: string; diagnostics: readonly Finding[] };
      this.#findings.get(uri)?.resolve(diagnostics);
    } else if (id !== undefined) {
      const { items = [] } = (params ?? {}) as { items?: readonly { section?: string }[] };
      const answers = items.map(({ section }) => (section === 'yaml' ? this.#settings : {}));
      this.#send({ id, result: method === 'workspace/configuration' ? answers : null });
    }
  }
}
