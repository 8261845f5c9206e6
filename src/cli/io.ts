import { createInterface } from 'node:readline/promises';
import type { FormatOptions } from '../config/format.ts';
import type { ConfigFile } from '../config/parse.ts';

/** What a command may touch of the process: handed in, so that tests see it all. */
export interface Io {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether `out` is a terminal: carets and colour. */
  readonly terminal: boolean;
  /** All of standard input. */
  readonly stdin: () => Promise<string>;
  /** One line from the terminal; empty when there is none. */
  readonly ask: (question: string) => Promise<string>;
}

/** How findings are shown: with the line and a caret on a terminal, in colour unless NO_COLOR says otherwise. */
export function textStyle(io: Io, files: readonly ConfigFile[]): FormatOptions {
  return io.terminal ? { files, colour: !io.env['NO_COLOR'] } : {};
}

async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(question);
  } catch {
    return '';
  } finally {
    terminal.close();
  }
}

export function processIo(): Io {
  return {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    env: process.env,
    terminal: process.stdout.isTTY === true,
    stdin: async () => {
      let text = '';
      for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk;
      return text;
    },
    ask,
  };
}
