import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import type { Diagnostic } from './diagnostic.ts';
import { guess } from './guess.ts';
import { SCHEMA } from './schema.ts';
import { explain, pathOf } from './schema-errors.ts';
import { type Node, nodeAt, type Path, toPlain } from './tree.ts';

let compiled: ValidateFunction | undefined;

function validator(): ValidateFunction {
  if (compiled) return compiled;
  const ajv = new Ajv2020({
    allErrors: true,
    verbose: true,
    discriminator: true,
    strictRequired: false,
    strictTypes: false,
  });
  for (const keyword of ['x-reload', 'x-secret', 'x-unit', 'x-absent']) ajv.addKeyword(keyword);
  compiled = ajv.compile(SCHEMA);
  return compiled;
}

/** Checks the tree against the schema. Values that came from `${VAR}` may become strings again, in place. */
export function validate(root: Node): Diagnostic[] {
  const check = validator();
  let errors = run(check, root);
  // `${NAME}` with NAME=123 was typed as a number; where the schema wants text, the text is what was meant.
  if (errors.some((error) => asText(root, error))) errors = run(check, root);
  return [...explain(root, errors), ...explainGuesses(root, errors)];
}

/** Misspelt sections can hold misspelt sections. */
const MAX_GUESSES = 4;

/** What would be wrong next if people did as the hints say. */
function explainGuesses(root: Node, errors: readonly ErrorObject[]): Diagnostic[] {
  const found: Diagnostic[] = [];
  let guessed = guess(root, errors);
  for (let round = 0; guessed && round < MAX_GUESSES; round++) {
    const { root: meant, below } = guessed;
    const further = run(validator(), meant);
    found.push(
      ...explain(
        meant,
        further.filter((error) => isBelow(meant, error, below)),
      ),
    );
    guessed = guess(meant, further);
  }
  return found;
}

/** That the guess itself does not fit is no finding about the file. */
function isBelow(root: Node, error: ErrorObject, below: readonly Path[]): boolean {
  const path = pathOf(root, error.instancePath);
  const about = error.keyword === 'type' || error.keyword === 'enum' ? path.slice(0, -1) : path;
  return below.some((start) => start.length <= about.length && start.every((part, index) => part === about[index]));
}

function run(check: ValidateFunction, root: Node): ErrorObject[] {
  return check(toPlain(root)) ? [] : [...(check.errors ?? [])];
}

function asText(root: Node, error: ErrorObject): boolean {
  if (error.keyword !== 'type' || error.params['type'] !== 'string') return false;
  const node = nodeAt(root, pathOf(root, error.instancePath));
  if (node?.kind !== 'scalar' || node.expanded === undefined || node.value === node.expanded) return false;
  node.value = node.expanded;
  return true;
}
