/** Assembles src/proxy/json-strings.wat into the TypeScript file that carries it. `--check`: fails when that file is not current. */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import wabt from 'wabt';

const SOURCE = new URL('../src/proxy/json-strings.wat', import.meta.url);
const TARGET = new URL('../src/proxy/json-strings-wasm.ts', import.meta.url);

/** The text that the target must have. */
export async function generate(): Promise<string> {
  const { parseWat } = await wabt();
  const { buffer } = parseWat('json-strings.wat', readFileSync(SOURCE, 'utf8'), { simd: true }).toBinary({});
  const base64 = Buffer.from(buffer).toString('base64');
  const lines = base64.match(/.{1,110}/g)!.map((line) => `  '${line}'`);
  return `/** Generated from json-strings.wat by \`npm run build:wasm\`. */\nexport const JSON_STRINGS_WASM =\n${lines.join(' +\n')};\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1]!).href) {
  const text = await generate();
  if (!process.argv.includes('--check')) writeFileSync(TARGET, text);
  else if (readFileSync(TARGET, 'utf8') !== text) {
    process.stderr.write('src/proxy/json-strings-wasm.ts is not current: npm run build:wasm\n');
    process.exitCode = 1;
  }
}
