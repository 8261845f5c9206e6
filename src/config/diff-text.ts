import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'yaml';
import { brief, schemaAt } from './brief.ts';
import type { Change, Reload } from './diff.ts';
import { parsePath } from './path.ts';
import type { Schema } from './schema.ts';
import type { Plain } from './tree.ts';
import { withoutPassword } from './wording.ts';

const SIGNS = { added: '+', removed: '-', changed: '~', moved: '↕' } as const;

/** One line for each change, and what they take together. */
export function formatChanges(changes: readonly Change[]): string {
  if (changes.length === 0) return 'no change\n';
  return `${changes.map((change) => `${formatChange(change)}\n`).join('')}${summary(changes)}\n`;
}

/** `~ retry.attempts of chat, rest: 2 → 1 (hot)` */
export function formatChange({ kind, path, routes, before, after, reload }: Change): string {
  const what = routes === undefined ? path : `${path} of ${routes.join(', ')}`;
  // A new route is what somebody wrote of it, not its forty defaults.
  const schema = kind === 'added' || kind === 'removed' ? schemaAt(parsePath(path) ?? []) : undefined;
  const values = [before, after]
    .filter((value) => value !== undefined)
    .map((value) => formatValue(schema ? shorter(value, schema) : value));
  return `${SIGNS[kind]} ${what}: ${values.join(' → ')} (${reload})`;
}

/** What is there with defaults alone is still there. */
function shorter(value: Plain, schema: Schema): Plain {
  const short = brief(value, schema);
  return isDeepStrictEqual(short, {}) ? value : short;
}

function summary(changes: readonly Change[]): string {
  const parts = (['hot', 'rebind', 'restart'] as Reload[]).flatMap((reload) => {
    const count = changes.filter((change) => change.reload === reload).length;
    return count > 0 ? [`${count} ${reload}`] : [];
  });
  return `${changes.length} change${changes.length === 1 ? '' : 's'}: ${parts.join(', ')}`;
}

function formatValue(value: Plain): string {
  const text = stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
  return withoutPassword(text.includes('\n') ? JSON.stringify(value) : text);
}
