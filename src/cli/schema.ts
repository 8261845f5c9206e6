import { describePath } from '../config/describe.ts';
import { parsePath } from '../config/path.ts';
import { referenceMarkdown } from '../config/reference.ts';
import { SCHEMA_TEXT } from '../config/schema.ts';
import { EXIT, type Invocation } from './argv.ts';
import type { Io } from './io.ts';

/** `schema [PATH]`: the JSON Schema, or what may stand at one place of the file. */
export async function runSchema({ args, options }: Invocation, io: Io): Promise<number> {
  const [text] = args;
  if (options.has('markdown')) {
    io.out(referenceMarkdown());
    return EXIT.ok;
  }
  if (text === undefined) {
    io.out(SCHEMA_TEXT);
    return EXIT.ok;
  }
  const path = parsePath(text.replaceAll('[]', '[0]'));
  const described = path && describePath(path);
  if (!described || 'problem' in described) {
    io.err(`vllm-router schema: ${described?.problem ?? `'${text}' is no path`}\n`);
    return EXIT.usage;
  }
  io.out(described.text);
  return EXIT.ok;
}
