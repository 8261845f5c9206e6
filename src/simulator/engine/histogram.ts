/** A Prometheus histogram without labels of its own. */
export class Histogram {
  private readonly bounds: readonly number[];
  private readonly counts: number[];
  private sum = 0;
  private count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.sum += value;
    this.count++;
    // From the top: most observations are in the lower buckets, but every higher one counts them too.
    for (let i = this.bounds.length - 1; i >= 0 && value <= this.bounds[i]!; i--) this.counts[i]!++;
  }

  lines(name: string, labels: string): string {
    let text = '';
    for (const [i, bound] of this.bounds.entries()) {
      text += `${name}_bucket{engine="0",le="${decimal(bound)}",${labels}} ${decimal(this.counts[i]!)}\n`;
    }
    text += `${name}_bucket{engine="0",le="+Inf",${labels}} ${decimal(this.count)}\n`;
    text += `${name}_count{engine="0",${labels}} ${decimal(this.count)}\n`;
    return `${text}${name}_sum{engine="0",${labels}} ${decimal(this.sum)}\n`;
  }
}

/** Python prints floats with a point. */
export function decimal(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** 1, 2, 5, 10, 20, 50 … up to `max`: vLLM's buckets for token counts. */
export function buckets125(max: number): number[] {
  const bounds: number[] = [];
  for (let power = 1; ; power *= 10) {
    for (const digit of [1, 2, 5]) {
      if (digit * power > max) return bounds;
      bounds.push(digit * power);
    }
  }
}
