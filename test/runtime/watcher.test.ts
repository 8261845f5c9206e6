import assert from 'node:assert/strict';
import { appendFileSync, promises as fs, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readConfig } from '../../src/runtime/config-files.ts';
import { type Change, createWatcher, type WatcherOptions } from '../../src/runtime/watcher.ts';
import { kubelet } from '../fakes/kubelet.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

interface Handled {
  readonly texts: string[];
  readonly hash: string;
  readonly change: Change;
}

/** A started watcher, events only (no poll) unless told; `next()` is the next change it hands over. */
async function watching(t: TestContext, path: string, options: Partial<WatcherOptions> = {}) {
  const handled: Handled[] = [];
  const warnings: string[] = [];
  const unreadable: string[] = [];
  const state: { arrived?: () => void; apply: () => Promise<void> } = { apply: async () => {} };
  const watcher = createWatcher(
    {
      path,
      extraFiles: () => [],
      debounce: 10,
      poll: 0,
      watch: true,
      warn: (message) => {
        warnings.push(message);
        state.arrived?.();
      },
      patience: 20,
      unreadable: (reason) => unreadable.push(reason),
      ...options,
    },
    async (files, hash, change) => {
      handled.push({ texts: files.map((file) => file.text), hash, change });
      state.arrived?.();
      await state.apply();
    },
  );
  t.after(() => watcher.stop());
  await watcher.start((await readConfig(path)).hash);
  const until = async (ready: () => boolean) => {
    while (!ready()) {
      await new Promise<void>((done) => {
        state.arrived = done;
      });
    }
  };
  let taken = 0;
  return {
    watcher,
    handled,
    warnings,
    unreadable,
    state,
    warned: (pattern: RegExp) => until(() => warnings.some((message) => pattern.test(message))),
    async next(): Promise<Handled> {
      await until(() => handled.length > taken);
      return handled[taken++]!;
    },
  };
}

for (const [name, removeOld] of [
  ['fault 56: kubelet swaps ..data four times', true],
  ['fault 56: ..data is swapped and the old target kept', false],
] as const) {
  test(name, async (t) => {
    const dir = temporaryFolder('watcher');
    await kubelet(dir, 0, 'v0');
    const { next } = await watching(t, join(dir, 'router.yaml'));
    for (let version = 1; version <= 4; version++) {
      await kubelet(dir, version, `v${version}`, removeOld);
      assert.deepEqual((await next()).texts, [`v${version}`]);
    }
  });
}

test('fault 56: a mounted ConfigMap given as a directory', async (t) => {
  const dir = temporaryFolder('watcher');
  await kubelet(dir, 0, 'v0');
  const { next } = await watching(t, dir);
  await kubelet(dir, 1, 'v1');
  assert.deepEqual((await next()).texts, ['v1']);
  await fs.writeFile(join(dir, 'a.yml'), 'first');
  await fs.writeFile(join(dir, '.draft.yaml'), 'not read');
  assert.deepEqual((await next()).texts, ['first', 'v1']);
});

test('ln -sfn of the file itself', async (t) => {
  const dir = temporaryFolder('watcher');
  await fs.writeFile(join(dir, 'v1'), 'v1');
  await fs.writeFile(join(dir, 'v2'), 'v2');
  await fs.symlink('v1', join(dir, 'router.yaml'));
  const { next } = await watching(t, join(dir, 'router.yaml'));
  for (const version of ['v2', 'v1', 'v2']) {
    await fs.symlink(version, join(dir, 'tmp'));
    await fs.rename(join(dir, 'tmp'), join(dir, 'router.yaml'));
    assert.deepEqual((await next()).texts, [version]);
  }
});

test('fault 56: git-sync swaps the parent link: the poll sees it', async (t) => {
  const dir = temporaryFolder('watcher');
  for (const rev of ['a', 'b', 'c']) {
    await fs.mkdir(join(dir, `rev-${rev}`));
    await fs.writeFile(join(dir, `rev-${rev}`, 'router.yaml'), rev);
  }
  await fs.symlink('rev-a', join(dir, 'current'));
  const { next } = await watching(t, join(dir, 'current', 'router.yaml'), { poll: 20 });
  for (const rev of ['b', 'c']) {
    await fs.symlink(`rev-${rev}`, join(dir, 'tmp'));
    await fs.rename(join(dir, 'tmp'), join(dir, 'current'));
    assert.deepEqual((await next()).texts, [rev]);
  }
});

test('rename-over, in-place write, delete then create', async (t) => {
  const dir = temporaryFolder('watcher');
  const file = join(dir, 'router.yaml');
  await fs.writeFile(file, 'v0');
  const { next, warned, warnings } = await watching(t, file);
  for (const version of ['v1', 'v2', 'v3']) {
    await fs.writeFile(`${file}.tmp`, version);
    await fs.rename(`${file}.tmp`, file);
    assert.deepEqual((await next()).texts, [version]);
  }
  writeFileSync(file, 'v4');
  assert.deepEqual((await next()).texts, ['v4']);
  await fs.rm(file);
  await warned(/config not readable, the running one stays: ENOENT/);
  await fs.writeFile(file, 'v5');
  assert.deepEqual((await next()).texts, ['v5']);
  assert.equal(warnings.length, 1, 'said once');
});

test('fault 54: a file that is being written is taken only when two reads are alike', async (t) => {
  const file = join(temporaryFolder('watcher'), 'router.yaml');
  await fs.writeFile(file, 'whole');
  let writes = 0;
  // Asked for before each read of the config, so that the file is never the same twice until it is complete.
  const extraFiles = () => {
    if (writes > 0 && writes < 12) appendFileSync(file, `b${writes++}`);
    return [];
  };
  const { watcher, handled } = await watching(t, file, { watch: false, debounce: 1, extraFiles });
  writeFileSync(file, 'a');
  writes = 1;
  assert.equal(await watcher.check(), 'handled');
  assert.deepEqual(
    handled.map(({ texts }) => texts),
    [['ab1b2b3b4b5b6b7b8b9b10b11']],
  );
});

test('the hash decides: a touched or rewritten file is no change, force is', async (t) => {
  const file = join(temporaryFolder('watcher'), 'router.yaml');
  await fs.writeFile(file, 'v0');
  const { watcher, handled } = await watching(t, file);
  await fs.utimes(file, 1, 1);
  await fs.writeFile(file, 'v0');
  assert.equal(await watcher.check(), 'unchanged');
  assert.equal(await watcher.check({ force: true }), 'handled');
  assert.deepEqual(
    handled.map(({ change }) => change),
    [{ config: false, extraFiles: [], forced: true }],
  );
  assert.equal(watcher.hash, (await readConfig(file)).hash);
});

test('what changed between the first read and the start is found', async (t) => {
  const file = join(temporaryFolder('watcher'), 'router.yaml');
  await fs.writeFile(file, 'v0');
  const { hash } = await readConfig(file);
  await fs.writeFile(file, 'v1');
  const { promise, resolve } = Promise.withResolvers<string>();
  const options = { path: file, extraFiles: () => [], debounce: 10, poll: 0, watch: true, warn: () => {} };
  const watcher = createWatcher(options, async (files) => resolve(files[0]!.text));
  t.after(() => watcher.stop());
  await watcher.start(hash);
  assert.equal(await promise, 'v1');
});

test('secrets and certificates are polled, one that goes or comes back is a change', async (t) => {
  const dir = temporaryFolder('watcher');
  const file = join(dir, 'router.yaml');
  const key = join(dir, 'elsewhere', 'key');
  await fs.mkdir(join(dir, 'elsewhere'));
  await fs.writeFile(file, 'v0');
  await fs.writeFile(key, 'one');
  const { next } = await watching(t, file, { poll: 20, extraFiles: () => [key] });
  await fs.writeFile(key, 'two');
  assert.deepEqual((await next()).change, { config: false, extraFiles: [key], forced: false });
  await fs.rm(key);
  assert.deepEqual((await next()).change.extraFiles, [key]);
  await fs.writeFile(key, 'two');
  assert.deepEqual((await next()).change.extraFiles, [key]);
});

test('a failed apply is tried again, a new file at once', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const file = join(temporaryFolder('watcher'), 'router.yaml');
  await fs.writeFile(file, 'v0');
  // The pause between the two reads is of node:timers/promises, which this mock leaves alone.
  const { watcher, handled, warnings, state, next } = await watching(t, file, { watch: false });
  state.apply = async () => {
    throw new Error('address in use');
  };
  await fs.writeFile(file, 'v1');
  assert.equal(await watcher.check(), 'failed');
  assert.equal((await next()).change.config, true);
  for (const delay of [1000, 2000, 4000]) {
    assert.match(warnings.at(-1)!, new RegExp(`next attempt in ${delay / 1000} s: address in use$`));
    assert.equal(await watcher.check(), 'unchanged', 'a look by itself does not repeat what failed');
    t.mock.timers.tick(delay);
    assert.equal((await next()).change.forced, true);
    await watcher.check();
  }
  state.apply = async () => {};
  await fs.writeFile(file, 'v2');
  assert.equal(await watcher.check(), 'handled');
  t.mock.timers.tick(60_000);
  await watcher.check();
  assert.equal(handled.length, 5, 'the retry is off');
});

test('a bad read never stops the loop', async (t) => {
  const file = join(temporaryFolder('watcher'), 'router.yaml');
  await fs.writeFile(file, 'v0');
  const { next, warned } = await watching(t, file, { poll: 20 });
  await fs.writeFile(file, Buffer.from([0xff, 0xfe]));
  await warned(/UTF-16/);
  await fs.rm(file);
  await fs.mkdir(file);
  await warned(/no \*\.yaml/);
  await fs.rmdir(file);
  await fs.writeFile(file, 'v1');
  assert.deepEqual((await next()).texts, ['v1']);
});

test('what is read once is not watched', async (t) => {
  const { warnings, watcher } = await watching(t, '/dev/null');
  assert.match(warnings[0]!, /neither a file nor a directory/);
  await watcher.stop();
});

test('events without end do not keep it from looking', async (t) => {
  const dir = temporaryFolder('watcher');
  const file = join(dir, 'router.yaml');
  await fs.writeFile(file, 'v0');
  const { next } = await watching(t, file, { debounce: 30 });
  const noise = setInterval(() => {
    writeFileSync(`${file}.tmp`, 'v1');
    renameSync(`${file}.tmp`, file);
  }, 5);
  t.after(() => clearInterval(noise));
  assert.deepEqual((await next()).texts, ['v1']);
});

test('stop waits for the change at hand and ends everything', async (t) => {
  const file = join(temporaryFolder('watcher'), 'router.yaml');
  await fs.writeFile(file, 'v0');
  const { watcher, state, next } = await watching(t, file, { poll: 10 });
  const applied = Promise.withResolvers<void>();
  let done = false;
  state.apply = async () => {
    await applied.promise;
    done = true;
  };
  await fs.writeFile(file, 'v1');
  await next();
  const stopping = watcher.stop();
  applied.resolve();
  await stopping;
  assert.ok(done);
  assert.equal(await watcher.check({ force: true }), 'unchanged');
});

test('a config that stays unreadable is told once, and anew to who asks', async (t) => {
  const file = join(temporaryFolder('watcher'), 'router.yaml');
  await fs.writeFile(file, 'v0');
  const { watcher, handled, warnings, unreadable } = await watching(t, file, { watch: false });
  await fs.rm(file);
  for (let looks = 0; looks < 3; looks++) assert.equal(await watcher.check(), 'unreadable');
  assert.deepEqual([warnings.length, unreadable.length], [1, 1]);
  assert.match(unreadable[0]!, /ENOENT/);
  assert.equal(await watcher.check({ force: true }), 'unreadable');
  assert.deepEqual([warnings.length, unreadable.length], [2, 2]);
  await fs.writeFile(file, Buffer.from('na\xefve', 'latin1'));
  assert.equal(await watcher.check(), 'unreadable');
  assert.match(unreadable[2]!, /not UTF-8/);
  // The same as before: whoever has heard that it cannot be read has to hear that it can.
  await fs.writeFile(file, 'v0');
  assert.equal(await watcher.check(), 'handled');
  assert.deepEqual(
    handled.map(({ texts, change }) => [texts, change]),
    [[['v0'], { config: false, extraFiles: [], forced: false }]],
  );
  assert.equal(await watcher.check(), 'unchanged');
});

test('a file that is missing for a moment is nothing to speak of', async (t) => {
  const file = join(temporaryFolder('watcher'), 'router.yaml');
  await fs.writeFile(file, 'v0');
  let reads = 0;
  // Asked for before each read: the file comes back after some that have failed.
  const extraFiles = () => {
    if (++reads === 6) writeFileSync(file, 'v1');
    return [];
  };
  const options = { watch: false, debounce: 1, patience: 60_000, extraFiles };
  const { watcher, handled, warnings, unreadable } = await watching(t, file, options);
  await fs.rm(file);
  assert.equal(await watcher.check(), 'handled');
  assert.deepEqual([handled.map(({ texts }) => texts), warnings, unreadable], [[['v1']], [], []]);
  // Put back as it was.
  await fs.rm(file);
  reads = 0;
  assert.equal(await watcher.check(), 'unchanged');
  assert.deepEqual([handled.length, warnings, unreadable], [1, [], []]);
});
