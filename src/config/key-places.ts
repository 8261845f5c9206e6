import { alternatives, SCHEMA, type Schema } from './schema.ts';

/** Of each key that the schema knows, the places where it can stand: `timeouts` → `defaults`, `routes[]`. */
const PLACES = placesOf(SCHEMA);

/** More say nothing any more: `type` can stand nearly everywhere. */
const MOST = 3;

/** Where a key belongs that is unknown where it stands; undefined when it is unknown everywhere, or known in too many places. */
export function belongsUnder(key: string): string | undefined {
  const places = PLACES.get(key) ?? [];
  if (places.length === 0 || places.length > MOST) return undefined;
  const names = places.map((place) => (place === '' ? 'the top of the file' : place));
  return `it belongs under ${[names.slice(0, -1).join(', '), names.at(-1)].filter((name) => name !== '').join(' or ')}`;
}

function placesOf(root: Schema): Map<string, string[]> {
  const places = new Map<string, string[]>();
  const visit = (schema: Schema, path: string, above: readonly Schema[]): void => {
    for (const option of alternatives(schema)) {
      // A route's algorithm may name another algorithm, and so on.
      if (above.length > 6) return;
      for (const [key, member] of Object.entries(option.properties ?? {})) {
        const list = places.get(key) ?? [];
        // The algorithm of an algorithm's role is not where somebody looks for it.
        const isNested = list.some((place) => path.startsWith(`${place === '' ? '' : `${place}.`}${key}`));
        if (!list.includes(path) && !isNested) places.set(key, [...list, path]);
        visit(member, path === '' ? key : `${path}.${key}`, [...above, schema]);
      }
      if (option.items) visit(option.items, `${path}[]`, [...above, schema]);
      if (typeof option.additionalProperties === 'object') {
        visit(option.additionalProperties, `${path}.NAME`, [...above, schema]);
      }
    }
  };
  visit(root, '', []);
  return places;
}
