/** One line per step, as `docs/conformance.md` shows them. */
export class Report {
  readonly #rows: string[] = [];
  readonly #only: RegExp;
  failed = 0;

  /** `only`: steps of other names are left out. */
  constructor(only: RegExp) {
    this.#only = only;
  }

  /** Runs a step; what it resolves with is what was seen, what it throws is a failure. */
  async step(name: string, run: () => Promise<string>): Promise<void> {
    if (!this.#only.test(name)) return;
    const started = performance.now();
    let seen: string;
    let result = 'ok';
    try {
      seen = await run();
    } catch (error) {
      result = '**failed**';
      this.failed++;
      seen = (error as Error).message.replaceAll('\n', ' ').slice(0, 300);
    }
    const row = `| ${name} | ${result} | ${seen} |`;
    this.#rows.push(row);
    console.log(`${row} ${Math.round(performance.now() - started)} ms`);
  }

  markdown(): string {
    return ['| step | result | seen |', '|---|---|---|', ...this.#rows].join('\n');
  }
}

/** Resolves once `condition` holds, with the ms that took; rejects after `timeout` ms. */
export async function until(what: string, condition: () => Promise<boolean>, timeout = 30_000): Promise<number> {
  const started = performance.now();
  while (!(await condition())) {
    if (performance.now() - started > timeout) throw new Error(`${what}: not within ${timeout} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return Math.round(performance.now() - started);
}
