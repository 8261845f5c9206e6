import { resolve, SCHEMA, type Schema } from './schema.ts';
import { expectation } from './wording.ts';

const INTRODUCTION = `# Reference of the configuration file

Every key of \`router.yaml\`, generated from \`schemas/router.schema.json\` by \`vllm-router schema --markdown\`; a test
keeps the two the same. \`NAME\` stands for a name of your choice, \`[ ]\` for an item of a list. Durations are written as
\`250ms\`, \`10s\`, \`1m30s\`, sizes as \`512KiB\`, \`32MiB\`. "Change" tells what a changed value takes while the router runs:
nothing but the reload (hot), or a listener bound anew (rebind).
`;

interface Section {
  readonly title: string;
  readonly text: string;
}

/** docs/config-reference.md. */
export function referenceMarkdown(): string {
  const top = Object.keys(SCHEMA.properties!);
  const sections = [...sectionsOf(SCHEMA, '', new Set())];
  const contents = `Sections: ${top.map((name) => `[${name}](#${anchor(name, sections)})`).join(', ')}.\n`;
  return [INTRODUCTION, contents, ...sections.map(({ title, text }) => `## ${title}\n\n${text}\n`)].join('\n');
}

function* sectionsOf(schema: Schema, path: string, told: Set<string>): Generator<Section> {
  const resolved = resolve(schema);
  if (resolved.discriminator) {
    yield* choice(resolved, path, told);
    return;
  }
  // A shape that several places share (a secret, a policy) is told at the first.
  if (schema.$ref !== undefined && told.has(schema.$ref)) return;
  if (schema.$ref !== undefined) told.add(schema.$ref);
  if (resolved.properties) yield* map(resolved, path === '' ? 'The file' : path, path, told);
  if (resolved.items) yield* sectionsOf(resolved.items, `${path}[ ]`, told);
  if (typeof resolved.additionalProperties === 'object') {
    yield* sectionsOf(resolved.additionalProperties, `${path}.NAME`, told);
  }
}

function* map(schema: Schema, title: string, path: string, told: Set<string>): Generator<Section> {
  yield { title, text: `${schema.description}\n\n${keyTable(schema, path)}` };
  for (const [key, member] of Object.entries(schema.properties!)) {
    yield* sectionsOf(member, path === '' ? key : `${path}.${key}`, told);
  }
}

/** A value of which `type` decides the rest: the types in a table, and a section for each that has more to say. */
function* choice(schema: Schema, path: string, told: Set<string>): Generator<Section> {
  const fresh = schema.oneOf!.filter(({ $ref }) => !told.has($ref!));
  if (fresh.length === 0) return;
  for (const { $ref } of fresh) told.add($ref!);
  const tag = (branch: Schema): string => String(branch.properties!['type']!.const);
  const branches = fresh.map(resolve);
  const table = branches.map((branch) => `| \`${tag(branch)}\` | ${branch.description} |`).join('\n');
  yield { title: path, text: `${schema.description}\n\n| type | meaning |\n|---|---|\n${table}` };
  for (const branch of branches) {
    if (Object.keys(branch.properties!).length > 1) yield* map(branch, `${path}, type ${tag(branch)}`, path, told);
  }
}

function keyTable(schema: Schema, path: string): string {
  const rows = Object.entries(schema.properties!).map(([key, member]) => {
    const rules = resolve(member);
    const inherited = path === 'routes[ ]' && Object.hasOwn(SCHEMA.properties!['defaults']!.properties!, key);
    const value = inherited ? 'as in `defaults`' : fallback(rules, schema.required?.includes(key) ?? false);
    const cells = [`\`${key}\``, type(rules), value, rules['x-reload'] ?? 'hot', rules.description ?? ''];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return `| key | value | default | change | meaning |\n|---|---|---|---|---|\n${rows.join('\n')}`;
}

function type(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.type === 'array') return `list of ${plural(resolve(schema.items!))}`;
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object') {
    return `map of name to ${expectation(resolve(schema.additionalProperties))}`;
  }
  return expectation(schema);
}

function plural(item: Schema): string {
  if (item.enum) return item.enum.map((value) => `\`${String(value)}\``).join(', ');
  return item.type === 'object' ? 'maps' : `${item.type ?? 'value'}s`;
}

function fallback(schema: Schema, required: boolean): string {
  if (required) return '**required**';
  if (schema.default !== undefined) return `\`${JSON.stringify(schema.default).replace(/^"(.+)"$/, '$1')}\``;
  return schema['x-absent'] ?? '';
}

/** As GitHub makes it of the first heading that starts with the key. */
function anchor(name: string, sections: readonly Section[]): string {
  const title = sections.find((section) => section.title.split(/[.,[]/)[0] === name)?.title ?? 'The file';
  return title
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}
