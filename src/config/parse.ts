import {
  type Alias,
  type Document,
  isAlias,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  type ParsedNode,
  type Scalar,
} from 'yaml';
import { Damage } from './damage.ts';
import { cite, type Diagnostic, diagnose, relate } from './diagnostic.ts';
import { finish, type Steps } from './steps.ts';
import { didYouMean } from './suggest.ts';
import { mistakes, type SyntaxProblem } from './syntax-problems.ts';
import {
  type Entry,
  type MapNode,
  type Node,
  type Origin,
  type Path,
  type Place,
  type Plain,
  toPlain,
} from './tree.ts';
import { parseDocument } from './yaml-document.ts';
import { syntaxHint } from './yaml-hints.ts';
import { syntaxWording } from './yaml-wording.ts';

export interface ConfigFile {
  readonly name: string;
  readonly text: string;
}

/** Bytes; a config is read by people, and a larger one is a mistake or an attack. */
export const MAX_FILE_SIZE = 1024 * 1024;
/** After aliases are resolved: what a nest of YAML anchors ("billion laughs") runs into. */
const MAX_NODES = 100_000;
const MAX_DEPTH = 100;
const TOO_DEEP = `the YAML is nested more than ${MAX_DEPTH} levels deep`;
const EMPTY = 'the least it needs is a source of backends; vllm-router init URL… writes a first file';

export interface Parsed {
  readonly root?: Node;
  /** In place of the root: what can be trusted of a file that is no valid YAML. */
  readonly sound?: Node;
  readonly diagnostics: readonly Diagnostic[];
}

/** YAML text → tree with positions, or what is wrong with it. Never throws. */
export function parseFile(file: ConfigFile): Parsed {
  return finish(parseSteps(file));
}

/** The same in pieces. */
export function* parseSteps(file: ConfigFile): Steps<Parsed> {
  const top: Origin = { from: 'file', place: { file: file.name, line: 1, col: 1, start: 0, end: 0 } };
  const fail = (code: 'file-too-large' | 'empty-file' | 'too-complex', message: string, hint?: string): Parsed => ({
    diagnostics: [diagnose(code, top, [], message, { hint })],
  });
  if (Buffer.byteLength(file.text) > MAX_FILE_SIZE) return fail('file-too-large', 'the file is larger than 1 MiB');
  const lines = new LineCounter();
  let document: Document.Parsed;
  try {
    document = yield* parseDocument(file.text, lines);
  } catch {
    // The composer recurses: a file of a million brackets overflows the stack.
    return fail('too-complex', TOO_DEEP);
  }
  yield;
  const found = [...document.errors, ...document.warnings];
  if (found.some(({ code }) => code === 'RESOURCE_EXHAUSTION')) return fail('too-complex', TOO_DEEP);
  const problems = mistakes(document, lines, file.text);
  const reader = new Reader(file, lines, problems.length > 0);
  if (problems.length > 0) {
    const damage = new Damage(
      file.text,
      found.map(({ pos }) => lines.linePos(pos[0])),
    );
    return reader.remains(document, problems, damage);
  }
  if (document.contents === null) return fail('empty-file', 'the file is empty', EMPTY);
  if (isScalar(document.contents) && document.contents.value === null)
    return fail('empty-file', 'the file is empty', EMPTY);
  try {
    const root = reader.node(document.contents as ParsedNode, [], 0);
    return { root, diagnostics: reader.diagnostics };
  } catch (error) {
    if (error instanceof TooComplex) return fail('too-complex', error.message);
    throw error;
  }
}

/** One value in YAML, as flags hold it: `5`, `[a, b]`, `{ env: KEY }`. Undefined when it is not valid. */
export function parseValue(text: string): Plain | undefined {
  if (text.trim() === '') return '';
  const { root, diagnostics } = parseFile({ name: 'value', text });
  return root && diagnostics.length === 0 ? toPlain(root) : undefined;
}

class TooComplex extends Error {}

class Reader {
  readonly diagnostics: Diagnostic[] = [];
  readonly #file: ConfigFile;
  readonly #lines: LineCounter;
  readonly #damaged: boolean;
  readonly #anchors = new Map<string, ParsedNode>();
  readonly #open = new Set<ParsedNode>();
  #nodes = 0;

  /** `damaged`: some of what the parser gives is a guess, anchors among it. */
  constructor(file: ConfigFile, lines: LineCounter, damaged: boolean) {
    this.#file = file;
    this.#lines = lines;
    this.#damaged = damaged;
  }

  place(start: number, end: number): Place {
    const { line, col } = this.#lines.linePos(start);
    const lineEnd = this.#file.text.indexOf('\n', start);
    const shown = lineEnd < 0 ? end : Math.max(start, Math.min(end, lineEnd));
    return { file: this.#file.name, line: Math.max(1, line), col: Math.max(1, col), start, end: shown };
  }

  origin(node: { range?: readonly number[] | null }): Origin {
    const [start = 0, end = start] = node.range ?? [];
    return { from: 'file', place: this.place(start, end) };
  }

  syntaxError(error: SyntaxProblem): Diagnostic {
    const [start, end] = error.pos;
    const { text } = this.#file;
    // At the end of the text there is nothing to point at: the last line that holds something is what needs completing.
    const at = start >= text.length ? text.trimEnd().length : start;
    const origin: Origin = { from: 'file', place: this.place(at, Math.max(end, at + 1)) };
    const { message, hint } = syntaxWording(error.message);
    return diagnose('yaml-syntax', origin, [], message, { hint: syntaxHint(text, at, error.message) ?? hint });
  }

  /** The mistakes, and what else can be told about the file. */
  remains(document: Document.Parsed, problems: readonly SyntaxProblem[], damage: Damage): Parsed {
    const told = problems.map((problem) => this.syntaxError(problem));
    try {
      const root = document.contents && this.node(document.contents, [], 0);
      if (!root) return { diagnostics: told };
      const { root: sound, diagnostics } = damage.soundPart(root, this.diagnostics);
      return { ...(sound && { sound }), diagnostics: [...told, ...diagnostics] };
    } catch (error) {
      if (error instanceof TooComplex) return { diagnostics: told };
      throw error;
    }
  }

  node(source: ParsedNode, path: Path, depth: number): Node {
    if (++this.#nodes > MAX_NODES) throw new TooComplex('the YAML has too many values; are its anchors nested?');
    if (depth > MAX_DEPTH) throw new TooComplex(TOO_DEEP);
    if (isAlias(source)) return this.#alias(source, path, depth);
    if (source.anchor) this.#anchors.set(source.anchor, source);
    const origin = this.origin(source);
    if (isScalar(source)) return this.#scalar(source, origin, path);
    this.#open.add(source);
    let node: Node;
    if (isSeq(source)) {
      const items = source.items.map((item, index) => this.node(item as ParsedNode, [...path, index], depth + 1));
      node = { kind: 'list', items, origin };
    } else if (/^\{\s*\{/.test(this.#raw(source))) node = this.#template(source, origin, path);
    else node = this.#map(source.items, origin, path, depth);
    this.#open.delete(source);
    return node;
  }

  #scalar(source: Scalar, origin: Origin, path: Path): Node {
    const raw = this.#raw(source);
    // Valid YAML, which no value here is ever meant to be.
    const item = source.type === 'PLAIN' ? /(\n\s*)(-\s.*)/.exec(raw) : null;
    if (!item) return { kind: 'scalar', value: scalarValue(source), origin, raw };
    const start = source.range![0] + item.index + item[1]!.length;
    const place: Origin = { from: 'file', place: this.place(start, start + item[2]!.length) };
    const message = 'this line is read as part of the text above it';
    const hint = 'line it up with the "- " of the list that it belongs to';
    this.diagnostics.push(diagnose('yaml-syntax', place, path, message, { hint }));
    return { kind: 'scalar', value: null, origin, raw, poisoned: true };
  }

  #alias(source: Alias.Parsed, path: Path, depth: number): Node {
    const origin = this.origin(source);
    if (this.#damaged) return { kind: 'scalar', value: null, origin, raw: this.#raw(source), poisoned: true };
    const target = this.#anchors.get(source.source);
    if (!target || this.#open.has(target)) {
      const message = target
        ? `the alias *${source.source} stands inside its own anchor`
        : `there is no anchor for the alias *${source.source}`;
      const hint = target ? undefined : this.#aliasHint(source.source, path);
      this.diagnostics.push(diagnose('yaml-syntax', origin, path, message, { hint }));
      return { kind: 'scalar', value: null, origin, raw: this.#raw(source), poisoned: true };
    }
    const node = this.node(target, path, depth);
    // What is wrong with the value is found where it is used.
    return { ...node, origin };
  }

  #aliasHint(name: string, path: Path): string {
    const known = [...this.#anchors.keys()];
    if (path.at(-1) !== '<<') return `quote it: "*${name}"; a bare * starts a YAML alias`;
    return didYouMean(name, known) ?? `mark the map that it stands for with &${name}, above this line`;
  }

  /** `{{ .Values.port }}`, which YAML takes for a map whose key is a map. */
  #template(source: ParsedNode, origin: Origin, path: Path): Node {
    const hint = 'render it first, or quote it if it is text';
    this.diagnostics.push(diagnose('bad-key', origin, path, '{{ … }} of a template stands here', { hint }));
    return { kind: 'scalar', value: null, origin, raw: this.#raw(source), poisoned: true };
  }

  #map(pairs: readonly Pair[], origin: Origin, path: Path, depth: number): MapNode {
    const entries = new Map<string, Entry>();
    const inherited: Node[] = [];
    for (const pair of pairs) {
      const key = pair.key as ParsedNode | null;
      const keyOrigin = key ? this.origin(key) : origin;
      if (!isScalar(key) || key.value === null) {
        this.diagnostics.push(diagnose('bad-key', keyOrigin, path, 'a key must be a word'));
        continue;
      }
      if (key.anchor) this.#anchors.set(key.anchor, key as ParsedNode);
      const name = typeof key.value === 'string' ? key.value : this.#raw(key);
      const value: Node = pair.value
        ? this.node(pair.value as ParsedNode, [...path, name], depth + 1)
        : { kind: 'scalar', value: null, origin: keyOrigin, raw: '' };
      const first = entries.get(name);
      if (name === '<<' && key.type === 'PLAIN') inherited.push(...(value.kind === 'list' ? value.items : [value]));
      else if (first) this.#duplicate(name, first, keyOrigin, path);
      else entries.set(name, { key: keyOrigin, value });
    }
    for (const base of inherited) {
      if (this.#damaged) continue;
      if (base.kind === 'scalar' && base.poisoned) continue;
      if (base.kind !== 'map') {
        const message = '`<<` takes an alias of a map, or a list of them';
        this.diagnostics.push(diagnose('bad-key', base.origin, path, message));
        continue;
      }
      for (const [name, entry] of base.entries) if (!entries.has(name)) entries.set(name, entry);
    }
    return { kind: 'map', entries, origin, ...(this.#damaged && inherited.length > 0 && { open: true }) };
  }

  #duplicate(name: string, first: Entry, second: Origin, path: Path): void {
    const details = { related: [relate(first.key, 'first here')] };
    this.diagnostics.push(
      diagnose(
        'duplicate-key',
        second,
        path,
        `key ${JSON.stringify(name)} stands already in ${cite(first.key, second)}`,
        details,
      ),
    );
  }

  #raw(source: { range?: readonly number[] | null }): string {
    const [start = 0, end = start] = source.range ?? [];
    return this.#file.text.slice(start, end);
  }
}

function scalarValue(scalar: Scalar): string | number | boolean | null {
  const { value } = scalar;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return value === null || value === undefined ? null : String(value);
}
