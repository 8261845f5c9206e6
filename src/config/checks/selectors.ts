import type { DocumentView } from '../document.ts';

const KEY = '(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?';
const VALUE = '(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?';
/** One requirement as the Kubernetes API reads it. */
const REQUIREMENT = new RegExp(
  String.raw`^\s*(?:!?\s*${KEY}|${KEY}\s*(?:==?|!=)\s*${VALUE}|${KEY}\s+(?:in|notin)\s*\(\s*${VALUE}(?:\s*,\s*${VALUE})*\s*\)|${KEY}\s*[<>]\s*\d+)\s*$`,
);

/** A selector that the API server would refuse finds no pod, and only the log would tell. */
export function checkSelectors(view: DocumentView): void {
  for (const [, source] of view.entries(['discovery'])) {
    const path = [...source, 'labelSelector'];
    const text = view.string(path);
    if (text === undefined || text.trim() === '') continue;
    const wrong = requirements(text).find((part) => !REQUIREMENT.test(part));
    if (wrong === undefined) continue;
    const what = wrong.trim() === '' ? 'nothing between two commas' : `${shortened(wrong.trim())} in it`;
    view.report('bad-value', path, `this is no label selector: the API would refuse ${what}`, { hint: hintFor(wrong) });
  }
}

function shortened(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/** At the commas outside of parentheses. */
function requirements(text: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const char of text) {
    if (char === '(') depth++;
    if (char === ')') depth--;
    if (char === ',' && depth <= 0) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts;
}

function hintFor(part: string): string {
  const [, key, sign, value] = /^\s*([^\s:=]+)\s*(:|\bin\b|\bnotin\b)\s*([^\s()]+)\s*$/.exec(part) ?? [];
  if (sign === ':') return `write ${key}=${value}`;
  if (sign !== undefined) return `write ${key} ${sign} (${value})`;
  return 'such as app=vllm,tier!=batch or model in (a, b)';
}
