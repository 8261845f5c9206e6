import { belongsUnder } from './key-places.ts';
import { didYouMean } from './suggest.ts';
import { child, type Node } from './tree.ts';

/** Spaces that are none to YAML: copied from web pages, they become part of the key. */
const ODD_SPACE = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff]/;

/** A way out for a key that is unknown where it stands. `known`: what may stand there. */
export function keyHint(key: string, map: Node, known: readonly string[]): string | undefined {
  const held = wrapped(child(map, key), known);
  if (held.length > 0) return `move what it holds one level up: ${held.join(', ')}`;
  return oddHint(key, map, known) ?? didYouMean(key, known) ?? belongsUnder(key) ?? listKeys(known, map);
}

/** `router: { discovery: … }`: the keys within, where all of them belong one level up. */
export function wrapped(value: Node | undefined, known: readonly string[]): readonly string[] {
  const held = value?.kind === 'map' ? [...value.entries.keys()] : [];
  return held.every((key) => known.includes(key)) ? held : [];
}

function oddHint(key: string, map: Node, known: readonly string[]): string | undefined {
  if (ODD_SPACE.test(key)) return 'a no-break space stands in it: indent with plain spaces';
  if (/^(\/\/|--|;)/.test(key)) return 'a comment begins with #';
  if (/^\d+$/.test(key)) return 'a decimal point is written as a dot: a comma begins another key';
  // Docker Compose and others leave such keys to the user, as a place for anchors.
  if (/^x-/.test(key)) return 'no key is free for your own use; set an anchor where its value is first used';
  if (/^(host|port|address|listen)$/.test(key) && (known.includes('bind') || known.includes('listeners'))) {
    const said = (name: string) => {
      const value = child(map, name);
      return value?.kind === 'scalar' && value.expanded === undefined ? String(value.value) : undefined;
    };
    const bind = `bind: ${said('host') ?? '0.0.0.0'}:${said('port') ?? '8001'}`;
    return known.includes('bind') ? `write ${bind}` : `write listeners: { public: { ${bind} } }`;
  }
  const [first, ...rest] = key.split('.');
  if (rest.length === 0 || !known.includes(first!)) return undefined;
  return `write it nested: ${[first, ...rest].join(': { ')}: …${' }'.repeat(rest.length)}`;
}

function listKeys(known: readonly string[], map: Node): string | undefined {
  const free = known.filter((name) => !child(map, name));
  return free.length > 0 && free.length <= 12 ? `possible here: ${free.join(', ')}` : undefined;
}
