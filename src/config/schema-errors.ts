import type { ErrorObject } from 'ajv';
import { parseDuration } from '../units.ts';
import type { DiagnosticCode } from './codes.ts';
import { type Details, type Diagnostic, diagnose } from './diagnostic.ts';
import { formHint, holdsSecrets, rangeHint, typeHint, variableHint } from './hints.ts';
import { keyHint, wrapped } from './key-hints.ts';
import { alternatives, resolve, type Schema, tagsOf } from './schema.ts';
import { closest, didYouMean, isNear } from './suggest.ts';
import { child, keyOrigin, type Node, nearest, type Origin, type Path } from './tree.ts';
import { describeValue, ENV_NAME, expectation, HEADER_NAME } from './wording.ts';

interface Finding extends Details {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly path: Path;
  readonly origin: Origin;
}

/** Ajv's errors → diagnostics at the very key or value they are about, one for each mistake. */
export function explain(root: Node, errors: readonly ErrorObject[]): Diagnostic[] {
  const found = new Map<string, Diagnostic>();
  const misspelt = misspeltKeys(root, errors);
  const withUnknown = new Set(errors.flatMap((e) => (e.keyword === 'additionalProperties' ? [e.instancePath] : [])));
  for (const error of errors) {
    if (error.keyword === 'required' && misspelt.has(`${error.instancePath}/${error.params['missingProperty']}`))
      continue;
    const path = pathOf(root, error.instancePath);
    const node = nearest(root, path);
    // A variable that is not set has been reported; its `${…}` is no value to judge.
    if (node.kind === 'scalar' && node.poisoned) continue;
    const finding = interpret(root, node, path, error);
    if (!finding) continue;
    // An unknown key in its place was meant to be one of them.
    if (error.keyword === 'oneOf' && finding.code === 'missing-key' && withUnknown.has(error.instancePath)) continue;
    if (node.kind !== 'scalar' && node.open && isAbsence(error.keyword, finding.code)) continue;
    const { code, origin, message, ...details } = finding;
    const diagnostic = diagnose(code, origin, finding.path, message, details);
    found.set(JSON.stringify([diagnostic.file, diagnostic.line, diagnostic.col, finding.path, message]), diagnostic);
  }
  return [...found.values()];
}

/** The key that was meant to be the one by which a choice is made: `typ`, `Type`. */
export function misspeltTag(node: Node, schema: Schema): string | undefined {
  const tag = schema.discriminator?.propertyName;
  if (tag === undefined || node.kind !== 'map' || node.entries.has(tag)) return undefined;
  return [...node.entries.keys()].find((key) => isNear(key, tag));
}

/** Whether it is about something that is not there. */
function isAbsence(keyword: string, code: DiagnosticCode): boolean {
  return code === 'missing-key' || keyword === 'minItems' || keyword === 'minProperties';
}

/** Pointers of the keys that unknown ones were meant to be: such a key is not missing as well. */
function misspeltKeys(root: Node, errors: readonly ErrorObject[]): Set<string> {
  const meant = new Set<string>();
  for (const { keyword, instancePath, params, parentSchema } of errors) {
    if (keyword !== 'additionalProperties') continue;
    const known = Object.keys(resolve((parentSchema ?? {}) as Schema).properties ?? {});
    const key = String(params['additionalProperty']);
    meant.add(`${instancePath}/${closest(key, known)}`);
    const value = child(nearest(root, pathOf(root, instancePath)), key);
    for (const held of wrapped(value, known)) meant.add(`${instancePath}/${held}`);
  }
  return meant;
}

/** A JSON pointer as a path; numbers where the tree has a list. */
export function pathOf(root: Node, pointer: string): Path {
  const path: (string | number)[] = [];
  let node: Node | undefined = root;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    const segment: string | number = node?.kind === 'list' ? Number(key) : key;
    path.push(segment);
    node = child(node, segment);
  }
  return path;
}

function interpret(root: Node, node: Node, path: Path, error: ErrorObject): Finding | undefined {
  const schema = resolve((error.parentSchema ?? {}) as Schema);
  const params = error.params as Record<string, unknown>;
  const atKey = (key: string): Pick<Finding, 'path' | 'origin'> => ({ path, origin: keyOrigin(root, [...path, key]) });
  const atNode = { path, origin: node.origin };
  const inAlternative = /\/oneOf\/\d+\//.test(error.schemaPath);
  switch (error.keyword) {
    case 'additionalProperties': {
      const key = String(params['additionalProperty']);
      const known = Object.keys(schema.properties ?? {});
      const message = `unknown key ${JSON.stringify(key)}`;
      const hint = keyHint(key, node, known);
      return { code: 'unknown-key', message, hint, ...atKey(key) };
    }
    case 'required': {
      if (inAlternative) return undefined;
      const key = String(params['missingProperty']);
      const tag = misspeltTag(node, schema);
      if (tag !== undefined) {
        return {
          code: 'unknown-key',
          message: `unknown key ${JSON.stringify(tag)}`,
          hint: didYouMean(tag, [key]),
          ...atKey(tag),
        };
      }
      const hint = schema.discriminator
        ? (tagsOf(schema).length > 1 ? 'one of ' : '') + tagsOf(schema).join(', ')
        : firstSentence(resolve(schema.properties?.[key] ?? {}).description);
      return {
        code: 'missing-key',
        message: `key ${JSON.stringify(key)} is missing`,
        hint,
        ...owner(root, node, path),
      };
    }
    case 'discriminator': {
      const key = String(params['tag']);
      const tag = child(node, key);
      const tags = tagsOf(schema);
      if (tag?.kind !== 'scalar') {
        return tag && { ...wrongType(tag, { enum: tags }), path: [...path, key], origin: tag.origin };
      }
      if (tag.poisoned) return undefined;
      return { ...badChoice(tag, tags), path: [...path, key], origin: tag.origin };
    }
    case 'type': {
      const found = wrongType(node, schema);
      const key = String(path.at(-1));
      // `type: static` right under `discovery`: the line above is the name that it was to belong to.
      const tooFarLeft = alternatives(schema).some(({ properties }) => Object.hasOwn(properties ?? {}, key));
      const hint = tooFarLeft ? `${key} belongs under a name: indent it one level more` : found.hint;
      return { ...found, hint, ...atNode, origin: valueOrigin(root, node, path) };
    }
    case 'enum':
    case 'const':
      if (node.kind !== 'scalar') return { ...wrongType(node, schema), ...atNode };
      return { ...badChoice(node, schema.enum ?? [schema.const]), ...atNode, origin: valueOrigin(root, node, path) };
    case 'pattern':
    case 'minLength':
    case 'maxLength':
      if (error.propertyName !== undefined) return undefined;
      return { ...badText(node, schema, error.keyword), ...atNode };
    case 'propertyNames': {
      const key = String(params['propertyName']);
      const message = `${JSON.stringify(key)} cannot be a name here`;
      const isHeader = expectation(resolve(schema.propertyNames ?? {})) === HEADER_NAME;
      const hint = isHeader
        ? `it must be ${HEADER_NAME}`
        : 'letters, digits, dots, dashes and underscores, starting with a letter or digit';
      return { code: 'bad-name', message, hint, ...atKey(key) };
    }
    case 'false schema': {
      const key = String(path.at(-1));
      const other = /\/dependentSchemas\/([^/]+)\//.exec(error.schemaPath)?.[1] ?? 'another key';
      const message = `${JSON.stringify(key)} and ${JSON.stringify(other)} exclude each other`;
      return { code: 'conflicting-keys', message, path, origin: keyOrigin(root, path) };
    }
    case 'oneOf':
      if (node.kind !== 'map') return undefined;
      return exactlyOne(root, node, path, schema);
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum': {
      const message = `${describeValue(node, schema)} is out of range: it must be ${expectation(schema)}`;
      return { code: 'out-of-range', message, hint: rangeHint(node, schema), ...atNode };
    }
    case 'minItems':
    case 'minProperties':
      return { code: 'out-of-range', message: 'must not be empty', hint: firstOf(schema), ...atNode };
    case 'uniqueItems': {
      const item = nearest(node, [Number(params['i'])]);
      const first = Number(params['j']);
      const message = `${describeValue(item, {})} stands in the list already`;
      const [index, other] = [Math.max(Number(params['i']), first), Math.min(Number(params['i']), first)];
      return {
        code: 'duplicate-item',
        message: `${message}, as item ${other + 1}`,
        path: [...path, index],
        origin: nearest(node, [index]).origin,
      };
    }
    default:
      return { code: 'bad-value', message: error.message ?? 'is not valid', ...atNode };
  }
}

/** A missing key is best shown at the key whose map lacks it; a list item or the whole file at its start. */
function owner(root: Node, node: Node, path: Path): Pick<Finding, 'path' | 'origin'> {
  return { path, origin: typeof path.at(-1) === 'string' ? keyOrigin(root, path) : node.origin };
}

/** An empty value has no text to point at, so its key is shown. */
function valueOrigin(root: Node, node: Node, path: Path): Origin {
  return node.kind === 'scalar' && node.raw === '' ? keyOrigin(root, path) : node.origin;
}

function exactlyOne(root: Node, node: Node, path: Path, schema: Schema): Finding {
  const keys = (schema.oneOf ?? []).flatMap((option) => option.required ?? []);
  const present = node.kind === 'map' ? [...node.entries.keys()].filter((key) => keys.includes(key)) : [];
  if (present.length === 0) {
    return { code: 'missing-key', message: `needs one of ${keys.join(', ')}`, ...owner(root, node, path) };
  }
  const message = `${present.map((key) => JSON.stringify(key)).join(' and ')} exclude each other`;
  return { code: 'conflicting-keys', message, path, origin: keyOrigin(root, [...path, present[1]!]) };
}

function wrongType(node: Node, schema: Schema): Pick<Finding, 'code' | 'message' | 'hint'> {
  const unit = schema['x-unit'] !== undefined && node.kind === 'scalar' && typeof node.value === 'number';
  if (unit) return missingUnit(node.raw, schema);
  const got = describeValue(node, holdsSecrets(schema) ? { 'x-secret': true } : schema);
  const message = `expected ${expectation(schema)}, got ${got}`;
  return { code: 'wrong-type', message, hint: typeHint(node, schema) };
}

function missingUnit(text: string, schema: Schema): Pick<Finding, 'code' | 'message' | 'hint'> {
  if (text.length > 20) return { code: 'missing-unit', message: 'this number has no unit' };
  const example = `${Number(text)}${schema['x-unit'] === 'size' ? 'MiB' : 's'}`;
  return { code: 'missing-unit', message: `${text} has no unit`, hint: `write ${example} if that is meant` };
}

function badChoice(node: Node, choices: readonly unknown[]): Pick<Finding, 'code' | 'message' | 'hint'> {
  const word = node.kind === 'scalar' ? String(node.value) : '';
  const suggestion =
    node.kind === 'scalar' && typeof node.value === 'string' && node.expanded === undefined
      ? (variableHint(word) ?? didYouMean(word, choices.map(String)))
      : undefined;
  const wanted = `${choices.length > 1 ? 'one of ' : ''}${choices.join(', ')}`;
  if (node.kind === 'scalar' && node.value === null) {
    return {
      code: 'bad-value',
      message: `expected ${wanted}, got nothing`,
      hint: 'give it a value, or remove the key',
    };
  }
  const message = `${describeValue(node, {})} is not ${wanted}`;
  const version =
    choices.length === 1 && choices[0] === 1 ? 'the version of this format, not that of your file' : undefined;
  return { code: 'bad-value', message, hint: suggestion ?? typeHint(node, { enum: choices }) ?? version };
}

function badText(node: Node, schema: Schema, keyword: string): Pick<Finding, 'code' | 'message' | 'hint'> {
  const text = node.kind === 'scalar' ? String(node.value) : '';
  if (text === '') return { code: 'bad-value', message: 'must not be empty' };
  if (schema['x-unit'] && /^\d{1,20}(\.\d{1,20})?$/.test(text)) return missingUnit(text, schema);
  if (schema['x-unit'] === 'duration' && parseDuration(text) === 0) {
    return { code: 'out-of-range', message: `${text} is out of range: it must be longer than that` };
  }
  if (keyword === 'maxLength') return { code: 'bad-value', message: `is longer than ${schema.maxLength} characters` };
  // Somebody may have put the secret itself there.
  const shown = schema.pattern?.startsWith(ENV_NAME) ? 'this' : describeValue(node, schema);
  const message = `${shown} is not ${expectation(schema)}`;
  return { code: 'bad-value', message, hint: formHint(node, schema) };
}

/** What the least list or map that may stand there looks like. */
function firstOf(schema: Schema): string | undefined {
  const member = resolve(
    schema.items ?? (typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {}),
  );
  if (member.properties && Object.hasOwn(member.properties, 'url')) return 'such as - url: http://host:8000';
  if (member.discriminator) return 'such as NAME: { type: static, backends: [{ url: "http://host:8000" }] }';
  return undefined;
}

function firstSentence(text: string | undefined): string | undefined {
  return text?.split(/(?<=\.) /)[0]?.replace(/\.$/, '');
}
