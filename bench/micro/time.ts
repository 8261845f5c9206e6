/** The least of several rounds, in nanoseconds per call: on a shared machine the minimum is the figure that repeats. */
export function nanoseconds(calls: number, body: (index: number) => unknown, rounds = 7): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const began = process.hrtime.bigint();
    for (let index = 0; index < calls; index++) sink = body(index);
    least = Math.min(least, Number(process.hrtime.bigint() - began) / calls);
  }
  return least;
}

/** Keeps what is measured from being optimised away. */
export let sink: unknown;

export function line(what: string, ns: number): void {
  const text =
    ns < 1000 ? `${ns.toFixed(0)} ns` : ns < 1e6 ? `${(ns / 1000).toFixed(2)} µs` : `${(ns / 1e6).toFixed(1)} ms`;
  console.log(`${what.padEnd(64)} ${text.padStart(10)}`);
}
