/** Figures as people read them. `null` is a dash: nothing is known. */
export const DASH = '–';

export function count(value: number | null): string {
  if (value === null) return DASH;
  if (value < 10_000) return value.toLocaleString('en-US');
  return value < 1_000_000 ? `${trim(value / 1000)}k` : `${trim(value / 1_000_000)}M`;
}

/** Per second. */
export function rate(value: number | null): string {
  if (value === null) return DASH;
  if (value === 0) return '0';
  if (value < 0.01) return '<0.01';
  if (value < 10) return value.toFixed(2);
  return value < 100 ? value.toFixed(1) : count(Math.round(value));
}

/** ms → `8.5 ms`, `320 ms`, `1.25 s`. */
export function duration(ms: number | null): string {
  if (ms === null) return DASH;
  if (ms < 10) return `${Number(ms.toFixed(1))} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 10_000 ? `${(ms / 1000).toFixed(2)} s` : `${(ms / 1000).toFixed(1)} s`;
}

/** 0..1 → `42 %`. */
export function percent(share: number | null): string {
  if (share === null) return DASH;
  const value = share * 100;
  return value > 0 && value < 1 ? '<1 %' : `${Math.round(value)} %`;
}

/** ms → `12 s`, `4 min`, `3 h 05 min`, `2 d 4 h`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A backend's name without what all of them begin with. */
export function shortName(name: string): string {
  return name.replace(/^https?:\/\//, '');
}

export function plural(amount: number, noun: string): string {
  return `${count(amount)} ${noun}${amount === 1 ? '' : 's'}`;
}

function trim(value: number): string {
  return String(Number(value.toFixed(value < 100 ? 1 : 0)));
}
