import { Composer, type Document, Lexer, type LineCounter, Parser, YAMLParseError } from 'yaml';
import type { Steps } from './steps.ts';

/** Words and signs of the text between two rests: about a fifth of a millisecond on a cold start of the loop. */
const BATCH = 64;
/** Open collections at one place; the deepest config that is taken has a fifth of it. */
const MAX_OPEN = 500;

const OPTIONS = { prettyErrors: false, uniqueKeys: false, keepSourceTokens: false } as const;

/** What `parseDocument` of the same package does in one go, but it throws on nesting without end; only composing the nodes at the end is one piece here, a third of it. */
export function* parseDocument(text: string, lines: LineCounter): Steps<Document.Parsed> {
  let document: Document.Parsed | undefined;
  for (const found of documents(text, lines)) {
    if (found === undefined) yield;
    else if (document === undefined) document = found;
    else {
      const [start, end] = found.range;
      document.errors.push(new YAMLParseError([start, end], 'MULTIPLE_DOCS', 'Source contains multiple documents'));
      break;
    }
  }
  return document!;
}

/** The documents of the text, at least one; undefined where the work may rest. */
function* documents(text: string, lines: LineCounter): Generator<Document.Parsed | undefined> {
  const parser = new Parser(lines.addNewLine);
  const composer = new Composer({ ...OPTIONS, lineCounter: lines });
  lines.addNewLine(0);
  let count = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (++count % BATCH === 0) yield undefined;
    // Kept open to the end, a megabyte of brackets took 950 MB.
    if (parser.stack.length > MAX_OPEN) throw new Error('nested too deep');
    for (const token of parser.next(lexeme)) yield* composer.next(token);
  }
  yield undefined;
  for (const token of parser.end()) yield* composer.next(token);
  yield* composer.end(true, text.length);
}
