import { cite, type Diagnostic, diagnose, relate } from './diagnostic.ts';
import { clone, type MapNode, type Node, type Path } from './tree.ts';

/**
 * The files of a directory as one document: maps merge, routes append in file order, and whatever stands twice is an error
 * that cites both places. Only `version` may be repeated.
 */
export function mergeFiles(roots: readonly Node[]): { root: Node | undefined; diagnostics: Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  let merged: Node | undefined;
  for (const root of roots) {
    if (!merged) merged = clone(root);
    else if (merged.kind === 'map' && root.kind === 'map') mergeInto(merged, root, [], diagnostics);
    else diagnostics.push(diagnose('wrong-type', root.origin, [], 'expected a map at the top of the file'));
  }
  return { root: merged, diagnostics };
}

function mergeInto(target: MapNode, source: MapNode, path: Path, diagnostics: Diagnostic[]): void {
  if (source.open) target.open = true;
  for (const [key, entry] of source.entries) {
    const here = [...path, key];
    const first = target.entries.get(key);
    if (!first) target.entries.set(key, { key: entry.key, value: clone(entry.value) });
    else if (first.value.kind === 'map' && entry.value.kind === 'map') {
      mergeInto(first.value, entry.value, here, diagnostics);
    } else if (path.length === 0 && key === 'routes' && first.value.kind === 'list' && entry.value.kind === 'list') {
      first.value.items.push(...entry.value.items.map(clone));
      if (entry.value.open) first.value.open = true;
    } else if (!(path.length === 0 && key === 'version' && sameScalar(first.value, entry.value))) {
      diagnostics.push(
        diagnose(
          'duplicate-key',
          entry.key,
          path,
          `key ${JSON.stringify(key)} stands already in ${cite(first.key, entry.key)}`,
          {
            related: [relate(first.key, 'first here')],
          },
        ),
      );
    }
  }
}

function sameScalar(a: Node, b: Node): boolean {
  return a.kind === 'scalar' && b.kind === 'scalar' && a.value === b.value;
}
