import { type Document, isScalar, type LineCounter, visit } from 'yaml';

/** What the parser complained of: its words, and offsets in the text. */
export interface SyntaxProblem {
  readonly message: string;
  readonly pos: readonly [start: number, end: number];
}

/** One broken line often breaks all that follow; more than this says nothing new. */
const MAX_PROBLEMS = 10;
/** Each is compared with the text since those before it. */
const MAX_COMPLAINTS = 500;

/** The mistakes among the parser's complaints: after one it stumbles over much that is right. In the order of the text. */
export function mistakes(document: Document.Parsed, lines: LineCounter, text: string): readonly SyntaxProblem[] {
  // A warning is a tag or directive that would be ignored: nothing in this file may be ignored.
  const found = [...document.errors, ...document.warnings];
  // A tab makes the parser see the lines around it at the wrong depth.
  const tabs = found.filter(({ code }) => code === 'TAB_AS_INDENT');
  const causes = (tabs.length > 0 ? tabs : found).slice(0, MAX_COMPLAINTS);
  const seen = new Set<number>();
  const told: SyntaxProblem[] = [];
  for (const { message, pos } of causes) {
    const { line } = lines.linePos(pos[0]);
    if (seen.has(line) || told.some((earlier) => isConsequence({ message, pos }, earlier, text))) continue;
    seen.add(line);
    told.push({ message, pos });
    if (told.length === MAX_PROBLEMS) break;
  }
  return told.map((problem) => atOpeningQuote(problem, document));
}

const TAB = /^Tabs are not allowed/;
const LOST_DEPTH = /must start at the same column/;
const UNCLOSED = /^Flow (?:map|sequence) .*end with a/;

function isConsequence({ message, pos }: SyntaxProblem, earlier: SyntaxProblem, text: string): boolean {
  if (/token in YAML stream/.test(message)) return true;
  // Whoever indents with tabs does so everywhere.
  if (TAB.test(message) && TAB.test(earlier.message)) return true;
  const between = text.slice(earlier.pos[0], pos[0] + 1);
  // Of all that belongs to one key at the top, the first line at another depth leaves the others at odds with it too.
  if (LOST_DEPTH.test(message) && LOST_DEPTH.test(earlier.message)) return !/\n[^\s#]/.test(between);
  // A key without its colon takes what belongs to it into its text.
  if (/^(?:Nested mappings|Implicit keys)/.test(message) && /^Implicit keys/.test(earlier.message))
    return pos[0] <= textEnd(earlier, text);
  // A [ that is not closed takes the } of the braces around it.
  return UNCLOSED.test(message) && UNCLOSED.test(earlier.message) && !/[[{]/.test(between);
}

/** Where the lines end that stand deeper than the one with the problem. */
function textEnd({ pos }: SyntaxProblem, text: string): number {
  const start = text.lastIndexOf('\n', pos[0]) + 1;
  const indent = /^ */.exec(text.slice(start, pos[0]))![0].length;
  const end = new RegExp(`\\n {0,${indent}}[^\\s]`, 'g');
  end.lastIndex = pos[0];
  return end.exec(text)?.index ?? text.length;
}

/** A quote that is never closed is noticed at the end of the file. */
function atOpeningQuote(problem: SyntaxProblem, document: Document.Parsed): SyntaxProblem {
  if (!/^Missing closing/.test(problem.message)) return problem;
  let opened = problem.pos[0];
  visit(document, {
    Scalar(_, node) {
      const [start, end] = node.range ?? [];
      if (start === undefined || !isScalar(node) || !node.type?.startsWith('QUOTE')) return undefined;
      if (start > problem.pos[0] || end! < problem.pos[0]) return undefined;
      opened = start;
      return visit.BREAK;
    },
  });
  return opened === problem.pos[0] ? problem : { ...problem, pos: [opened, opened + 1] };
}
