import { checkAlgorithms } from './checks/algorithms.ts';
import { checkBackends } from './checks/backends.ts';
import { checkFlags } from './checks/flags.ts';
import { checkListeners } from './checks/listeners.ts';
import { checkLongest } from './checks/longest.ts';
import { checkLoops, checkNames, checkUnused } from './checks/names.ts';
import { checkReachability } from './checks/reachability.ts';
import { checkSelectors } from './checks/selectors.ts';
import { checkTimes } from './checks/times.ts';
import { checkTracing } from './checks/tracing.ts';
import type { Diagnostic } from './diagnostic.ts';
import { DocumentView } from './document.ts';
import type { Overlay } from './overlay.ts';
import type { Steps } from './steps.ts';
import type { MapNode } from './tree.ts';

/**
 * What a schema cannot say: names that must exist, things that exclude or repeat each other, and what will never happen.
 * `written` is the document before defaults, `effective` after; `invalid` when it has errors already.
 */
export function* checkReferences(
  written: MapNode,
  effective: MapNode,
  overlay: Overlay,
  invalid: boolean,
): Steps<Diagnostic[]> {
  const view = new DocumentView(effective, invalid);
  for (const check of [
    checkNames,
    checkLoops,
    checkListeners,
    checkBackends,
    checkReachability,
    checkTimes,
    checkLongest,
    checkSelectors,
    checkAlgorithms,
    checkTracing,
    checkUnused,
  ]) {
    check(view);
    yield;
  }
  checkFlags(view, written, overlay);
  return unique(view.diagnostics);
}

/** A value under `defaults` shows up in every route; its finding is told once. */
function unique(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Map<string, Diagnostic>();
  for (const diagnostic of diagnostics) {
    const { file, line, col, code, message } = diagnostic;
    const key = JSON.stringify([file, line, col, code, message, line === 0 ? diagnostic.path : '']);
    if (!seen.has(key)) seen.set(key, diagnostic);
  }
  return [...seen.values()];
}
