/** How memory moves with time. */
export interface Slope {
  /** MiB an hour, by least squares. */
  readonly perHour: number;
  /** Half the width of its 95 % interval, MiB an hour. */
  readonly error: number;
}

export interface Sample {
  /** s */
  readonly at: number;
  /** Bytes. */
  readonly bytes: number;
}

/**
 * The line through the lowest sample of each of `parts` equal spans of time: a heap goes up and down between two collections, and
 * what leaks shows in what is left after them. The samples of a heap are no independent draws, so the interval is only a measure.
 */
export function slopeOf(samples: readonly Sample[], parts = 20): Slope {
  const points = lows(samples, parts);
  if (points.length < 3) return { perHour: Number.NaN, error: Number.NaN };
  const mean = (of: (point: Sample) => number) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [meanAt, meanBytes] = [mean(({ at }) => at), mean(({ bytes }) => bytes)];
  const spread = points.reduce((sum, { at }) => sum + (at - meanAt) ** 2, 0);
  const slope = points.reduce((sum, { at, bytes }) => sum + (at - meanAt) * (bytes - meanBytes), 0) / spread;
  const rest = points.reduce((sum, { at, bytes }) => sum + (bytes - meanBytes - slope * (at - meanAt)) ** 2, 0);
  const toHour = 3600 / 2 ** 20;
  return { perHour: slope * toHour, error: 2 * Math.sqrt(rest / (points.length - 2) / spread) * toHour };
}

function lows(samples: readonly Sample[], parts: number): Sample[] {
  const first = samples[0]?.at ?? 0;
  const length = ((samples.at(-1)?.at ?? 0) - first) / parts;
  const lowest = new Map<number, Sample>();
  for (const sample of samples) {
    const part = Math.min(parts - 1, Math.floor((sample.at - first) / length));
    const seen = lowest.get(part);
    if (seen === undefined || sample.bytes < seen.bytes) lowest.set(part, sample);
  }
  return [...lowest.values()];
}
