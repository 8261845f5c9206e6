import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Invocation, parseArgv } from '../../src/cli/argv.ts';
import { COMMANDS, optionsOf } from '../../src/cli/commands.ts';
import { runCompletion } from '../../src/cli/completion.ts';
import { captureIo } from './capture-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'vllm-router-'));
after(() => rmSync(folder, { recursive: true }));

async function completion(...args: string[]) {
  const io = captureIo();
  const code = await runCompletion(parseArgv(['completion', ...args]) as Invocation, io);
  return { code, out: io.stdout() };
}

const installed = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0;

test('bash completes commands, options and choices', { skip: !installed('bash') }, async () => {
  const { out: script } = await completion('bash');
  const complete = (...words: string[]): string[] => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is shell
    const line = 'COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _vllm_router; echo "${COMPREPLY[@]}"';
    const { stdout, stderr } = spawnSync('bash', ['-c', `${script}\n${line}`, '_', 'vllm-router', ...words]);
    assert.equal(stderr.toString(), '');
    return stdout.toString().trim().split(' ');
  };
  assert.deepEqual(complete('ch'), ['check']);
  assert.deepEqual(
    complete(''),
    COMMANDS.map(({ name }) => name),
  );
  assert.deepEqual(complete('--rout'), ['--routing-logic']);
  assert.deepEqual(complete('check', '--stri'), ['--strict']);
  assert.deepEqual(complete('--service-discovery', 'k'), ['k8s']);
  assert.deepEqual(complete('check', 'router'), [''], "files are the shell's own");
  assert.deepEqual(complete('check', '--format', ''), ['text', 'json', 'github', 'sarif']);
  assert.deepEqual(complete('print', '--format', ''), ['yaml', 'json']);
  assert.deepEqual(complete('completion', ''), ['bash', 'zsh', 'fish']);
  assert.deepEqual(complete('help', 'ch'), ['check']);
  assert.deepEqual(complete('schema', 'rou'), ['routes']);
});

for (const shell of ['zsh', 'fish']) {
  test(`${shell} takes the script`, { skip: !installed(shell) }, async () => {
    const file = join(folder, shell);
    writeFileSync(file, (await completion(shell)).out);
    const { status, stderr } = spawnSync(shell, ['-n', file]);
    assert.deepEqual([status, stderr.toString()], [0, '']);
  });
}

test('fish completes choices and words', { skip: !installed('fish') }, async () => {
  const file = join(folder, 'vllm-router.fish');
  writeFileSync(file, (await completion('fish')).out);
  const complete = (line: string): string[] => {
    const { stdout } = spawnSync('fish', ['-c', `source ${file}; complete -C '${line}'`], { cwd: folder });
    return stdout
      .toString()
      .trim()
      .split('\n')
      .map((one) => one.split('\t')[0]!);
  };
  assert.deepEqual(complete('vllm-router check --format ').sort(), ['github', 'json', 'sarif', 'text']);
  assert.deepEqual(complete('vllm-router completion ').sort(), ['bash', 'fish', 'zsh']);
  assert.deepEqual(complete('vllm-router help ch'), ['check']);
});

test('every command and option is in each script', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { out } = await completion(shell);
    for (const command of COMMANDS) {
      assert.ok(out.includes(command.name));
      for (const { name } of optionsOf(command))
        assert.match(out, new RegExp(`(--|-l )${name}\\b`), `${shell} ${name}`);
    }
  }
});

test('an unknown shell is wrong use', async () => {
  assert.equal((await completion('tcsh')).code, 64);
  assert.equal((await completion()).code, 64);
});
