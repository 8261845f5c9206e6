/** Flags that cannot be used. `usage`: argparse's own errors, exit 2; otherwise the original's later checks, exit 1. */
export class FlagError extends Error {
  readonly usage: boolean;

  constructor(message: string, usage = false) {
    super(message);
    this.usage = usage;
  }
}
