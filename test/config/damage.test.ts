import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';

const VALID = readFileSync(new URL('../../router.example.yaml', import.meta.url), 'utf8').split('\n');
const env = { ROUTER_KEYS: 'abc', GPU2_KEY: 'def' };
const found = (text: string) => loadConfig({ files: [{ name: 'router.yaml', text }], env }).diagnostics;

/** Each makes one line unreadable. */
const BREAKS: Readonly<Record<string, (line: string) => string>> = {
  'a quote that is not closed': (line) => line.replace(/: (?=[^"\s#])/, ': "'),
  'a bracket that is not closed': (line) => line.replace(/: (?=[^"\s#])/, ': ['),
  'a brace that is not closed': (line) => line.replace(/\}(?!.*\})/, ''),
  'a reserved character': (line) => line.replace(/: (?=[^"\s#])/, ': @'),
  'a tab': (line) => line.replace(/^ {2}/, '\t'),
  'a colon without a space': (line) => line.replace(/^(\s*[A-Za-z]+): (?=\S)/, '$1:'),
  'an alias without an anchor': (line) => line.replace(/: (?=[A-Za-z0-9])/, ': *'),
  'a tag': (line) => line.replace(/: (?=[A-Za-z0-9])/, ': !secret '),
};

for (const [name, damage] of Object.entries(BREAKS)) {
  test(`${name}: nothing else of a valid file is complained of, and a mistake before it is found too`, () => {
    let broken = 0;
    for (const [index, line] of VALID.entries()) {
      const findings = found(`loging: {}\nlodging: {}\n${VALID.with(index, damage(line)).join('\n')}`);
      if (!findings.some(({ code }) => code === 'yaml-syntax')) continue;
      broken++;
      assert.deepEqual([findings[0]!.code, findings[0]!.line], ['unknown-key', 1], damage(line));
      const others = findings.filter((one) => one.code !== 'yaml-syntax' && one.line > 2 && one.line !== index + 3);
      assert.deepEqual(others, [], `line ${index + 1}: ${damage(line)}`);
    }
    assert.ok(broken > 15, String(broken));
  });
}

test('a section after the mistake is judged', () => {
  const text = VALID.join('\n').replace('type: static', '@static');
  assert.deepEqual(
    found(`${text}\nloging: {}\n`).map(({ code }) => code),
    ['yaml-syntax', 'unknown-key'],
  );
});

test('a name is not unknown because the file that gives it cannot be read', () => {
  const files = [
    { name: 'a.yaml', text: 'discovery:\n  lab: { type: static\n' },
    { name: 'b.yaml', text: 'routes: [{ name: all, match: {}, backends: { from: [lab] } }]\n' },
  ];
  assert.deepEqual(
    loadConfig({ files, env: {} }).diagnostics.map(({ code }) => code),
    ['yaml-syntax'],
  );
});
