import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import type { Diagnostic } from './diagnostic.ts';
import { SCHEMA } from './schema.ts';
import { explain, pathOf } from './schema-errors.ts';
import { type Node, nodeAt, toPlain } from './tree.ts';

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
  return explain(root, errors);
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
