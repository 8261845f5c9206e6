#!/usr/bin/env node
// Plain JavaScript that any Node can parse: an older Node must get a sentence, not a syntax error.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const REQUIRED = [22, 22];
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < REQUIRED[0] || (major === REQUIRED[0] && minor < REQUIRED[1])) {
  process.stderr.write(
    `vllm-router needs Node.js ${REQUIRED.join('.')} or newer, and this is ${process.version}.\n` +
      'Install a newer Node.js (24 is what we develop and ship on), or run it inside its checkout with `npm start`, which brings its own.\n',
  );
  process.exit(1);
}

// libuv gives lookups of names half of its threads, four unless told: two names whose lookup stalls would stop all others, and files too.
// Read when the first thread is needed, so before anything is read, resolved or compressed beside the event loop.
process.env.UV_THREADPOOL_SIZE ??= '16';

// With some dozens of requests a second most of a request's way would be interpreted for minutes: V8 compiles what it has seen a few hundred
// times. Compiled at the first call instead, 200 streams of 50 chunks/s take a tenth less CPU in their first ten seconds (medians of three
// pairs of runs: 1.50 against 1.62 times nginx), and the start no longer.
for (const flag of ['--always-sparkplug', '--no-lazy-feedback-allocation']) setFlagsFromString(flag);

// The package ships dist/; a checkout runs its sources as they are (Node strips the types).
const source = new URL('../src/main.ts', import.meta.url);
const built = new URL('../dist/main.js', import.meta.url);
const { main } = await import(existsSync(fileURLToPath(source)) ? source.href : built.href);
await main(process.argv.slice(2));
