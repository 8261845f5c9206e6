import { Composer, type Document, Lexer, type LineCounter, Parser, YAMLParseError } from 'yaml';
import type { Steps } from './steps.ts';

/** Words and signs of the text between two rests: about a fifth of a millisecond on a cold start of the loop. */
const BATCH = 64;

const OPTIONS = { prettyErrors: false, uniqueKeys: false, keepSourceTokens: false } as const;

/** What `parseDocument` of the same package does in one go; only composing the nodes at the end is one piece here, a third of it. */
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
    for (const token of parser.next(lexeme)) yield* composer.next(token);
  }
  yield undefined;
  for (const token of parser.end()) yield* composer.next(token);
  yield* composer.end(true, text.length);
}
