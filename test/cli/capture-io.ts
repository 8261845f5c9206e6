import type { Io } from '../../src/cli/io.ts';

export interface CapturedIo extends Io {
  stdout(): string;
  stderr(): string;
}

/** An Io that keeps what is written. */
export function captureIo(
  options: Partial<Pick<Io, 'env' | 'terminal'>> & { stdin?: string; answer?: string } = {},
): CapturedIo {
  let out = '';
  let err = '';
  return {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    env: options.env ?? {},
    terminal: options.terminal ?? false,
    stdin: async () => options.stdin ?? '',
    ask: async () => options.answer ?? '',
    stdout: () => out,
    stderr: () => err,
  };
}
