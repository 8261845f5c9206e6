/** Assembles each .wat of src into the TypeScript file beside it that carries it. `--check`: fails where one is not current. */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import wabt from 'wabt';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The files that carry modules, from the root, with the text that each must have. */
export async function generate(): Promise<ReadonlyMap<string, string>> {
  const { parseWat } = await wabt();
  const texts = new Map<string, string>();
  for (const source of globSync('src/**/*.wat', { cwd: ROOT }).sort()) {
    const name = basename(source, '.wat');
    const { buffer } = parseWat(`${name}.wat`, readFileSync(ROOT + source, 'utf8'), { simd: true }).toBinary({});
    const base64 = Buffer.from(buffer).toString('base64');
    const lines = base64.match(/.{1,110}/g)!.map((line) => `  '${line}'`);
    const constant = `${name.toUpperCase().replaceAll('-', '_')}_WASM`;
    texts.set(
      source.replace(/\.wat$/, '-wasm.ts'),
      `/** Generated from ${name}.wat by \`npm run build:wasm\`. */\nexport const ${constant} =\n${lines.join(' +\n')};\n`,
    );
  }
  return texts;
}

if (import.meta.url === pathToFileURL(process.argv[1]!).href) {
  for (const [file, text] of await generate()) {
    if (!process.argv.includes('--check')) writeFileSync(ROOT + file, text);
    else if (readFileSync(ROOT + file, 'utf8') !== text) {
      process.stderr.write(`${file} is not current: npm run build:wasm\n`);
      process.exitCode = 1;
    }
  }
}
