import { createInterface } from 'node:readline';
import { applyFaults } from './control.ts';
import { startEngine } from './engine.ts';
import { type EngineFlags, readFlags, USAGE } from './flags.ts';

/**
 * A simulated engine as its own process, for tests that send it signals, and for people. One JSON line on stdout says where it listens;
 * JSON lines on stdin are faults (they arrive even while it refuses connections). SIGTERM does what vLLM does with it.
 */
const { options, startupDelay, shutdownTimeout } = flagsOrEnd(process.argv.slice(2));

function flagsOrEnd(args: readonly string[]): EngineFlags {
  if (args.includes('--help')) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  try {
    return readFlags(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}

// A starting vLLM refuses connections for the whole start.
if (startupDelay > 0) await new Promise((resolve) => setTimeout(resolve, startupDelay));
const engine = await startEngine(options);
process.stdout.write(`${JSON.stringify({ url: engine.url, port: engine.port, pid: process.pid })}\n`);

const commands = createInterface({ input: process.stdin });
commands.on('line', (line) => {
  try {
    applyFaults(engine, JSON.parse(line));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
  }
});
// A terminal's end or a closed pipe is no reason to end, and an open one none to stay.
process.stdin.unref?.();

process.once('SIGTERM', async () => {
  await engine.terminate(shutdownTimeout);
  process.exit(0);
});
process.once('SIGINT', async () => {
  await engine.kill();
  process.exit(0);
});
