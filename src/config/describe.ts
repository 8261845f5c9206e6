import { formatPath } from './path.ts';
import { memberSchema, resolve, SCHEMA, type Schema } from './schema.ts';
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
      const hint = didYouMean(String(segment), known) ?? `there is ${[...new Set(known)].join(', ')}`;
      return {
        problem: `nothing is called ${JSON.stringify(segment)} in ${formatPath(path.slice(0, index)) || 'the file'} (${hint})`,
      };
    }
    schemas = next;
  }
  const unique = [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()];
  return { text: unique.map((schema) => describe(path, resolve(schema))).join('\n') };
}

/** A choice by `type` as its branches; anything else as itself. */
export function alternatives(schema: Schema): Schema[] {
  const resolved = resolve(schema);
  return resolved.discriminator ? resolved.oneOf!.map(resolve) : [resolved];
}

function describe(path: Path, schema: Schema): string {
  const lines = [`${formatPath(path)}: ${schema.description ?? ''}`, `  ${kind(schema)}`];
  for (const option of alternatives(schema)) {
    if (schema.discriminator) lines.push('', `  type: ${tag(option)}: ${option.description ?? ''}`);
    for (const [key, member] of Object.entries(option.properties ?? {})) {
      if (schema.discriminator && key === schema.discriminator.propertyName) continue;
      const part = resolve(member);
      const required = option.required?.includes(key) ? ', required' : '';
      lines.push(`    ${key} (${expectation(part)}${required}${fallback(part)}): ${part.description ?? ''}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function kind(schema: Schema): string {
  return `${expectation(schema)}${fallback(schema)}, x-reload: ${schema['x-reload'] ?? 'hot'}`;
}

function fallback(schema: Schema): string {
  if (schema.default !== undefined) return `, default ${JSON.stringify(schema.default)}`;
  return schema['x-absent'] === undefined ? '' : `, else ${schema['x-absent']}`;
}

function tag(option: Schema): string {
  return String(option.properties?.['type']?.const);
}
