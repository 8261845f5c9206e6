import { readFileSync } from 'node:fs';
import { child, type Node } from './tree.ts';

/** The parts of JSON Schema that the hand-written schema uses. */
export interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly propertyNames?: Schema;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly discriminator?: { readonly propertyName: string };
  readonly dependentSchemas?: Readonly<Record<string, { readonly properties: Readonly<Record<string, false>> }>>;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minProperties?: number;
  readonly uniqueItems?: boolean;
  /** What a change of the value takes. */
  readonly 'x-reload'?: 'hot' | 'rebind' | 'restart';
  readonly 'x-secret'?: boolean;
  /** The text holds an amount with its unit; the config holds ms or bytes. */
  readonly 'x-unit'?: 'duration' | 'size';
  /** What it means that an optional key without default is absent. */
  readonly 'x-absent'?: string;
}

/** Relative to both `src/config/` and `dist/config/`. */
const FILE = new URL('../../schemas/router.schema.json', import.meta.url);

export const SCHEMA_TEXT: string = readFileSync(FILE, 'utf8');

/**
 * Patterns in the file also let `${…}` pass, for editors and other tools that see the text before variables are replaced.
 * Here they are replaced by then, so that only the pattern itself counts.
 */
export const SCHEMA = JSON.parse(SCHEMA_TEXT, (key, value: unknown) =>
  key === 'pattern' && typeof value === 'string' ? value.replace(/\|\\\$\\\{$/, '') : value,
) as Schema;

/** Follows `$ref`; what stands beside it (description, default) wins over what it refers to. */
export function resolve(schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const { $ref, ...own } = schema;
  const target = SCHEMA.$defs?.[$ref.replace('#/$defs/', '')];
  if (!target) throw new Error(`schema: no ${$ref}`);
  return { ...resolve(target), ...own };
}

/** The branch of a discriminated schema that a value with this tag takes; undefined when the tag is none of its. */
export function branch(schema: Schema, tag: unknown): Schema | undefined {
  const key = schema.discriminator!.propertyName;
  return schema.oneOf?.map(resolve).find((option) => option.properties?.[key]?.const === tag);
}

/** A choice by `type` as its branches; anything else as itself. */
export function alternatives(schema: Schema): Schema[] {
  const resolved = resolve(schema);
  return resolved.discriminator ? resolved.oneOf!.map(resolve) : [resolved];
}

export function tagsOf(schema: Schema): string[] {
  const key = schema.discriminator!.propertyName;
  return (schema.oneOf ?? []).map((option) => String(resolve(option).properties?.[key]?.const));
}

/** The schema that applies to this very node: references followed, branch chosen. Undefined when the tag is unknown. */
export function schemaFor(schema: Schema, node: Node | undefined): Schema | undefined {
  const resolved = resolve(schema);
  if (!resolved.discriminator) return resolved;
  const tag = child(node, resolved.discriminator.propertyName);
  return tag?.kind === 'scalar' ? branch(resolved, tag.value) : undefined;
}

/** The schema of a map's member; undefined for an unknown key. */
export function memberSchema(schema: Schema, key: string): Schema | undefined {
  if (schema.properties && Object.hasOwn(schema.properties, key)) return schema.properties[key];
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}
