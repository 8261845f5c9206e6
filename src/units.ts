/** Durations and sizes as people write them in the config; a bare number is refused, its unit would be a guess. */

const DURATION = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

const DURATION_TEXT = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;
const SIZE_TEXT = /^(\d+(?:\.\d+)?)(B|KB|MB|GB|KiB|MiB|GiB)$/;

/** `250ms`, `10s`, `1m30s` → milliseconds; undefined when it is not a duration. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION_TEXT.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * DURATION[unit as keyof typeof DURATION];
  }
  return total;
}

/** `32MiB`, `500KB` → bytes; undefined when it is not a size. */
export function parseSize(text: string): number | undefined {
  const match = SIZE_TEXT.exec(text);
  return match ? Math.round(Number(match[1]) * SIZE[match[2] as keyof typeof SIZE]) : undefined;
}

/** Milliseconds → the shortest exact text: 90000 → `1m30s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  let rest = ms;
  let text = '';
  for (const unit of ['d', 'h', 'm', 's', 'ms'] as const) {
    const whole = unit === 'ms' ? rest : Math.floor(rest / DURATION[unit]);
    if (whole > 0) text += `${whole}${unit}`;
    rest -= whole * DURATION[unit];
  }
  return text;
}

/** Bytes → `32MiB` where it is exact, `1234B` otherwise. */
export function formatSize(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const) {
    if (bytes >= SIZE[unit] && bytes % SIZE[unit] === 0) return `${bytes / SIZE[unit]}${unit}`;
  }
  return `${bytes}B`;
}
