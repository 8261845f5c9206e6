import type { ConfigStatus, DiagnosticStatus } from '../status-message.ts';
import { byId, h, Keyed, mark, put } from './dom.ts';
import { age, plural } from './format.ts';
import { pill, setPill } from './parts.ts';
import type { Store } from './store.ts';

/** The config in force, what came of the last attempt to change it, and the button that makes another. */
export function createConfig(): (store: Store) => void {
  const result = pill();
  byId('reload-result').append(result);
  const findings = new Keyed(() =>
    h('li', {}, pill(), h('code', { class: 'place' }), h('span', { class: 'message' }), h('span', { class: 'hint' })),
  );
  connectReload();
  return ({ config }) => {
    if (config === undefined) return;
    const now = Date.now();
    put(byId('config-source'), config.source);
    const hash = byId('config-hash');
    put(hash, config.hash === '' ? '–' : config.hash.slice(0, 12));
    mark(hash, 'title', `SHA-256 ${config.hash}`);
    put(byId('config-generation'), String(config.generation));
    put(byId('config-age'), `${age(now - config.appliedAt)} ago`);
    showLast(config, result, findings, now);
  };
}

function showLast(
  { last, hash }: ConfigStatus,
  result: HTMLElement,
  findings: Keyed<HTMLLIElement>,
  now: number,
): void {
  const box = byId('findings');
  if (last === null) return;
  setPill(result, last.result);
  const counts = [
    ...(last.errors > 0 ? [plural(last.errors, 'error')] : []),
    ...(last.warnings > 0 ? [plural(last.warnings, 'warning')] : []),
  ];
  put(byId('reload-age'), [`${age(now - last.at)} ago`, ...counts].join(', '));
  const running = last.result === 'rejected' && last.hash !== hash;
  put(byId('reload-note'), last.failure ?? (running ? 'The running configuration stays as it is.' : ''));
  findings.show(box, last.diagnostics, identity, fillFinding);
  box.hidden = last.diagnostics.length === 0;
  const more = last.errors + last.warnings - last.diagnostics.length;
  put(byId('findings-more'), more > 0 ? `and ${plural(more, 'other')}: vllm-router check shows them all` : '');
}

function identity({ place, path, message }: DiagnosticStatus): string {
  return `${place} ${path} ${message}`;
}

function fillFinding(item: HTMLLIElement, { severity, place, path, message, hint }: DiagnosticStatus): void {
  const [tone, at, words, advice] = [...item.children] as HTMLElement[];
  setPill(tone!, severity);
  put(at!, place);
  put(words!, path === '' ? message : `${path}: ${message}`);
  put(advice!, hint ?? '');
}

function connectReload(): void {
  const button = byId<HTMLButtonElement>('reload');
  const outcome = byId('reload-outcome');
  button.addEventListener('click', async () => {
    button.disabled = true;
    put(outcome, 'Reading the files again…');
    try {
      const response = await fetch('/admin/reload', { method: 'POST', headers: { accept: 'application/json' } });
      const answer = await response.json();
      put(outcome, response.ok ? 'Read again and applied.' : String(answer.error?.message ?? response.status));
    } catch {
      put(outcome, 'The router did not answer.');
    }
    button.disabled = false;
  });
}
