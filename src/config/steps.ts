/** Work that can rest between its pieces: each `yield` is such a place, and the result comes with its end. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** All of it without a rest. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
