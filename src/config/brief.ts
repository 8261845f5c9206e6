import { isDeepStrictEqual } from 'node:util';
import { alternatives, branch, memberSchema, resolve, SCHEMA, type Schema } from './schema.ts';
import type { Path, Plain } from './tree.ts';

/** A value of the effective document without what the schema says anyway: what a person would have written. */
export function brief(value: Plain, schema: Schema): Plain {
  let rules = resolve(schema);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return rules.items ? value.map((item) => brief(item, rules.items!)) : value;
  if (rules.discriminator) rules = branch(rules, value[rules.discriminator.propertyName]) ?? rules;
  const kept = Object.entries(value).flatMap(([key, member]): [string, Plain][] => {
    const memberRules = memberSchema(rules, key);
    if (!memberRules) return [[key, member]];
    const required = rules.required?.includes(key) ?? false;
    if (!required && isDeepStrictEqual(member, resolve(memberRules).default)) return [];
    const rest = brief(member, memberRules);
    return !required && isEmpty(rest) ? [] : [[key, rest]];
  });
  return Object.fromEntries(kept);
}

/** The schema of what stands at a path; of a choice, the first branch that knows the key. Undefined where nothing can stand. */
export function schemaAt(path: Path): Schema | undefined {
  let schema: Schema | undefined = SCHEMA;
  for (const segment of path) {
    const found: (Schema | undefined)[] = alternatives(schema).map(
      (option) => option.items ?? memberSchema(option, String(segment)),
    );
    schema = found.find((member) => member !== undefined);
    if (schema === undefined) return undefined;
  }
  return schema;
}

function isEmpty(value: Plain): boolean {
  return value !== null && typeof value === 'object' && Object.keys(value).length === 0;
}
