import type { DiagnosticCode } from './codes.ts';
import { cite, type Details, type Diagnostic, diagnose, type RelatedPlace, relate } from './diagnostic.ts';
import { keyOrigin, type MapNode, type Node, nearest, nodeAt, type Origin, type Path } from './tree.ts';

/**
 * The document as the reference checks see it: reads that give nothing where a part has the wrong type (that has been
 * reported already), and findings at the places where people wrote things.
 */
export class DocumentView {
  readonly root: MapNode;
  /** Something in it is wrong: what seems to be missing may only be misspelt. */
  readonly invalid: boolean;
  readonly diagnostics: Diagnostic[] = [];

  constructor(root: MapNode, invalid: boolean) {
    this.invalid = invalid;
    this.root = root;
  }

  /** Entries of a map, empty for anything else. */
  entries(path: Path): (readonly [key: string, path: Path])[] {
    const node = nodeAt(this.root, path);
    return node?.kind === 'map' ? [...node.entries.keys()].map((key) => [key, [...path, key]] as const) : [];
  }

  /** Paths of a list's items. */
  items(path: Path): Path[] {
    const node = nodeAt(this.root, path);
    return node?.kind === 'list' ? node.items.map((_, index) => [...path, index]) : [];
  }

  /** Of a list, those items that are strings. */
  strings(path: Path): { readonly value: string; readonly path: Path }[] {
    return this.items(path).flatMap((item) => {
      const value = this.string(item);
      return value === undefined ? [] : [{ value, path: item }];
    });
  }

  string(path: Path): string | undefined {
    const node = nodeAt(this.root, path);
    return node?.kind === 'scalar' && typeof node.value === 'string' && !node.poisoned ? node.value : undefined;
  }

  /** A map's string members. */
  record(path: Path): Record<string, string> {
    const pairs = this.entries(path).flatMap(([key, at]) => {
      const value = this.string(at);
      return value === undefined ? [] : [[key, value] as const];
    });
    return Object.fromEntries(pairs);
  }

  has(path: Path): boolean {
    return nodeAt(this.root, path) !== undefined;
  }

  node(path: Path): Node | undefined {
    return nodeAt(this.root, path);
  }

  /** Whether somebody wrote it, in the file or by a flag. */
  written(path: Path): boolean {
    const node = nodeAt(this.root, path);
    return node !== undefined && node.origin.from !== 'default';
  }

  origin(path: Path): Origin {
    return nearest(this.root, path).origin;
  }

  keyOrigin(path: Path): Origin {
    return keyOrigin(this.root, path);
  }

  /** Something is wrong with the value. */
  report(code: DiagnosticCode, path: Path, message: string, details: Details = {}): void {
    this.diagnostics.push(diagnose(code, this.origin(path), path, message, details));
  }

  /** Something is wrong with the whole entry: shown at its key. */
  reportKey(code: DiagnosticCode, path: Path, message: string, details: Details = {}): void {
    this.diagnostics.push(diagnose(code, this.keyOrigin(path), path, message, details));
  }

  related(path: Path, message: string): RelatedPlace[] {
    const origin = this.keyOrigin(path);
    return origin.from === 'file' ? [relate(origin, message)] : [];
  }

  /** Where the key stands, for the message of a finding about another path. */
  where(path: Path, seenFrom: Path): string {
    return cite(this.keyOrigin(path), this.origin(seenFrom));
  }
}
