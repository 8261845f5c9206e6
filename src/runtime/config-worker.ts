import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { checkSteps } from '../config/load.ts';
import { finish } from '../config/steps.ts';
import type { WorkerAnswer, WorkerQuestion } from './config-loader.ts';

/**
 * Between 0 and 19, where 10 takes a tenth of a core that the thread of requests wants whole. Only on Linux is it the thread's own: elsewhere
 * it would slow down the process.
 */
const NICE = 10;

// A container may forbid it; then both threads have the same rank.
if (process.platform === 'linux') {
  try {
    setPriority(NICE);
  } catch {}
}

parentPort!.on('message', ({ files, overlay }: WorkerQuestion) => {
  const { values, diagnostics } = finish(checkSteps({ files, overlay, env: process.env }));
  // As text: reading it takes the other thread half the time of a structured clone.
  const answer: WorkerAnswer = { diagnostics, ...(values !== undefined && { values: JSON.stringify(values) }) };
  parentPort!.postMessage(answer);
});
