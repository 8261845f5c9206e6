/**
 * What changed in whether the backends of one registry may get requests. With 1,000 of them nobody can ask each of them for each
 * request: an answer about many is kept until `count` differs or a time has come that `Backend.changesAt` told of.
 */
export class Changes {
  /** Grows whenever a backend changes by anything but time passing or leaving the set (`BackendRegistry.generation`). */
  count = 0;
  /** Monotonic ms from which on every backend's share is whole, if nothing changes. */
  wholeAt = Number.NEGATIVE_INFINITY;
}
