import { belongsUnder } from './key-places.ts';
import { formatPath } from './path.ts';
import { alternatives, memberSchema, resolve, SCHEMA, type Schema } from './schema.ts';
import { didYouMean } from './suggest.ts';
import type { Path } from './tree.ts';
import { expectation } from './wording.ts';

/** What may stand at a path, for people; names of maps and numbers of lists may be anything. */
export function describePath(path: Path): { text: string } | { problem: string } {
  let schemas: Schema[] = [SCHEMA];
  for (const [index, segment] of path.entries()) {
    const options = schemas.flatMap(alternatives);
    const next = options.flatMap((option) => {
      if (option.items && (typeof segment === 'number' || option.type === 'array')) return [option.items];
      return memberSchema(option, String(segment)) ?? [];
    });
    if (next.length === 0) {
      const known = options.flatMap((option) => Object.keys(option.properties ?? {}));
      const where = formatPath(path.slice(0, index)) || 'the file';
      const hint =
        didYouMean(String(segment), known) ??
        belongsUnder(String(segment)) ??
        (known.length > 0 ? `there is ${[...new Set(known)].join(', ')}` : 'nothing stands below it');
      return { problem: `nothing is called ${JSON.stringify(segment)} in ${where} (${hint})` };
    }
    schemas = next;
  }
  const unique = [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()];
  return { text: unique.map((schema) => describe(path, resolve(schema))).join('\n') };
}

function describe(path: Path, schema: Schema): string {
  const lines = [...wrapped(`${formatPath(path)}: ${schema.description ?? ''}`, 0), ...wrapped(kind(schema), 2)];
  lines.push(...members(schema));
  // What is asked about is mostly what an item has.
  const [inner, place] = insideOf(schema);
  if (inner) {
    const rules = resolve(inner);
    lines.push(
      '',
      ...wrapped(`${place}: ${rules.description ?? ''}`, 2),
      ...wrapped(kind(rules), 4),
      ...members(rules),
    );
  }
  return `${lines.join('\n')}\n`;
}

function insideOf(schema: Schema): readonly [inner: Schema | undefined, place: string] {
  if (schema.items) return [schema.items, 'each item'];
  const { additionalProperties } = schema;
  return [typeof additionalProperties === 'object' ? additionalProperties : undefined, 'each NAME'];
}

/** The keys that may stand in it; of a choice, those of each branch. */
function members(schema: Schema): string[] {
  const lines: string[] = [];
  for (const option of alternatives(schema)) {
    if (schema.discriminator) lines.push('', ...wrapped(`type: ${tag(option)}: ${option.description ?? ''}`, 2));
    for (const [key, member] of Object.entries(option.properties ?? {})) {
      if (schema.discriminator && key === schema.discriminator.propertyName) continue;
      const part = resolve(member);
      const required = option.required?.includes(key) ? ', required' : '';
      lines.push(...wrapped(`${key} (${expectation(part)}${required}${fallback(part)}): ${part.description ?? ''}`, 4));
    }
  }
  return lines;
}

const CHANGES = {
  hot: 'a change takes effect with the reload',
  rebind: 'a change binds the listener anew',
  restart: 'a change takes a restart',
} as const;

function kind(schema: Schema): string {
  return `${expectation(schema)}${fallback(schema)}; ${CHANGES[schema['x-reload'] ?? 'hot']}`;
}

/** Characters of a line on a terminal. */
const WIDTH = 100;

/** Further lines hang by four. */
function wrapped(text: string, indent: number): string[] {
  const lines = [' '.repeat(indent)];
  for (const word of text.trim().split(' ')) {
    const last = lines.at(-1)!;
    if (last.trim() !== '' && last.length + 1 + word.length > WIDTH) lines.push(`${' '.repeat(indent + 4)}${word}`);
    else lines[lines.length - 1] = last.trim() === '' ? `${last}${word}` : `${last} ${word}`;
  }
  return lines;
}

function fallback(schema: Schema): string {
  if (schema.default !== undefined) return `, default ${JSON.stringify(schema.default)}`;
  return schema['x-absent'] === undefined ? '' : `, else ${schema['x-absent']}`;
}

function tag(option: Schema): string {
  return String(option.properties?.['type']?.const);
}
