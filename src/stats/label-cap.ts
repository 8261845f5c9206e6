/** Label of models beyond the cap, and of those that no backend serves. */
export const OTHER_MODELS = '_other';
export const UNKNOWN_MODEL = 'unknown';

/**
 * Keeps the number of model labels bounded whatever backends publish: the first `limit` names stand for themselves. Names
 * that only a client has said must not come here; they are `UNKNOWN_MODEL`.
 */
export class LabelCap {
  readonly #admitted = new Set<string>();
  limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  label(model: string | undefined): string {
    if (model === undefined) return UNKNOWN_MODEL;
    if (this.#admitted.has(model)) return model;
    if (this.#admitted.size >= this.limit) return OTHER_MODELS;
    this.#admitted.add(model);
    return model;
  }
}
