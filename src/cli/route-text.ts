import type { ExplainedLeg, RouteAnswer } from '../admin/explain-route.ts';
import { algorithmSettings } from '../config/algorithm-settings.ts';

/** The answer for people. */
export function formatAnswer({ model, target, rules, route, algorithm, legs, error, notes }: RouteAnswer): string {
  const lines = [labelled('model', model === target ? model : `${model} → ${target} (alias)`)];
  const width = Math.max(...rules.map((rule) => rule.route.length));
  for (const [at, { route: name, matches, why }] of rules.entries()) {
    lines.push(labelled(at === 0 ? 'routes' : '', `${matches ? '→' : ' '} ${name.padEnd(width)}  ${why}`));
  }
  if (route !== null && route !== rules.at(-1)?.route) lines.push(labelled('fallback', `→ ${route}`));
  if (algorithm !== null) lines.push(labelled('algorithm', algorithmSettings(algorithm)));
  for (const leg of legs) lines.push(...legLines(leg));
  if (error !== null) lines.push(labelled('answer', `${error.status} ${error.code}: ${error.why}`));
  for (const note of notes) lines.push(labelled('note', note));
  return `${lines.map(printable).join('\n')}\n`;
}

function labelled(label: string, text: string): string {
  return `${label.padEnd(12)}${text}`;
}

function legLines({ role, candidates, backend, why }: ExplainedLeg): string[] {
  const title = role ?? 'candidates';
  const columns = candidates.map(({ url, name, state, available, weight, score, matched }) => [
    url === backend ? '→' : ' ',
    available ? state : `${state}, out`,
    score === null ? '-' : String(Math.round(score * 100) / 100),
    matched === null ? '' : `${Math.round(matched * 100)}%`,
    weight === 1 ? '' : `×${weight}`,
    name === url ? url : `${url} (${name})`,
  ]);
  const head = ['', 'state', 'score', columns.some((row) => row[3] !== '') ? 'cached' : '', '', 'backend'];
  const widths = head.map((text, column) => Math.max(text.length, ...columns.map((row) => row[column]!.length)));
  const rows = [head, ...columns].map((row) =>
    row
      .flatMap((text, column) => (widths[column] === 0 && column > 0 ? [] : [text.padEnd(widths[column]!)]))
      .join('  ')
      .trimEnd(),
  );
  const table = candidates.length === 0 ? [] : rows;
  const goes = backend === null ? why : `${backend}: ${why}`;
  return [...table.map((row, at) => labelled(at === 0 ? title : '', row)), labelled(role ?? 'goes to', goes)];
}

/** Names come from the file, the command line and backends; none may steer the terminal. */
function printable(line: string): string {
  return line.replace(/\p{C}/gu, '?');
}
