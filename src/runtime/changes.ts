import { conceal } from '../config/conceal.ts';
import type { Config } from '../config/config.ts';
import { diffDocuments } from '../config/diff.ts';
import { formatChange } from '../config/diff-text.ts';
import { sameSettings } from '../config/settings-text.ts';
import { type MapNode, type Plain, toPlain } from '../config/tree.ts';

/** Changes that the line of a reload names; `diff` and /admin/config have them all. */
const TOLD = 12;

/** A document as its changes are told from: credentials stay hidden. */
export function shownDocument(tree: MapNode): Plain {
  return toPlain(conceal(tree));
}

/** What changes for requests, as `vllm-router diff` tells it. */
export function documentChanges(before: Plain, after: Plain): readonly string[] | string {
  const changes = diffDocuments(before, after);
  if (changes.length === 0) return 'nothing';
  const told = changes.slice(0, TOLD).map(formatChange);
  return changes.length > TOLD ? [...told, `and ${changes.length - TOLD} more`] : told;
}

/** `changes` and the secrets and certificates whose contents are new: of those the document says only where they stand. */
export function withFiles(changes: readonly string[] | string, files: readonly string[]): readonly string[] | string {
  if (files.length === 0) return changes;
  return [...(typeof changes === 'string' ? [] : changes), ...files.map((file) => `~ contents of ${file} (hot)`)];
}

/** `routes`, `discovery.lab`, …: for large configs, where comparing the documents would hold requests up. */
export function changedSections(before: Config, after: Config): readonly string[] {
  const changed: string[] = [];
  for (const section of Object.keys(after) as (keyof Config)[]) {
    const [old, fresh] = [before[section], after[section]];
    if (section === 'listeners' || section === 'discovery' || section === 'auth') {
      const [was, is] = [old, fresh] as Readonly<Record<string, object>>[];
      for (const name of new Set([...Object.keys(was!), ...Object.keys(is!)])) {
        if (!sameSettings(was![name], is![name])) changed.push(`${section}.${name}`);
      }
    } else if (!sameParts(old, fresh)) changed.push(section);
  }
  return changed;
}

/** Lists are compared by their items, whose texts are known already. */
function sameParts(old: unknown, fresh: unknown): boolean {
  if (Array.isArray(old) && Array.isArray(fresh)) {
    return old.length === fresh.length && fresh.every((item, index) => sameSettings(item, old[index]));
  }
  return typeof fresh === 'object' && fresh !== null ? sameSettings(old as object, fresh) : old === fresh;
}
