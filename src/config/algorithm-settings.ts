import { formatSize } from '../units.ts';
import type { AlgorithmConfig } from './config.ts';

/** `session, header x-session-id, otherwise least-load`: an algorithm as people read it. */
export function algorithmSettings({ type, ...more }: AlgorithmConfig): string {
  const told = Object.entries(more).flatMap(([key, value]) => {
    if (key === 'bounded' && value === 0) return [];
    if (key === 'indexSize') return `${key} ${formatSize(value as number)}`;
    return `${key} ${typeof value === 'object' ? ((value as { type?: string }).type ?? JSON.stringify(value)) : value}`;
  });
  return [type, ...told].join(', ');
}
