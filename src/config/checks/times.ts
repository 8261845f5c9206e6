import { parseDuration } from '../../units.ts';
import type { DocumentView } from '../document.ts';
import type { Path } from '../tree.ts';

interface Rule {
  readonly short: Path;
  readonly long: Path;
  readonly why: string;
  /** Told only where both were written: a short `total` alone means just that. */
  readonly both?: true;
}

/** `short` must not be longer than `long`; `0s` in either means no limit and contradicts nothing. */
const ORDER: readonly Rule[] = [
  { short: ['timeouts', 'connect'], long: ['timeouts', 'total'], why: 'the request ends before', both: true },
  { short: ['timeouts', 'firstByte'], long: ['timeouts', 'total'], why: 'the request ends before', both: true },
  { short: ['timeouts', 'idle'], long: ['timeouts', 'total'], why: 'the request ends before', both: true },
  { short: ['limits', 'queueTimeout'], long: ['timeouts', 'total'], why: 'the request ends in the queue', both: true },
  { short: ['health', 'timeout'], long: ['health', 'interval'], why: 'checks would overlap' },
  {
    short: ['circuitBreaker', 'openFor'],
    long: ['circuitBreaker', 'maxOpenFor'],
    why: 'the bound lies below the start',
  },
];

const STATS: readonly Rule[] = [
  { short: ['timeout'], long: ['interval'], why: 'scrapes would overlap' },
  { short: ['interval'], long: ['staleAfter'], why: 'figures would be stale before the next scrape' },
];

export function checkTimes(view: DocumentView): void {
  for (const base of [['defaults'], ...view.items(['routes'])]) {
    for (const rule of ORDER) compare(view, base, rule);
  }
  for (const rule of STATS) compare(view, ['stats', 'engine'], rule);
}

function compare(view: DocumentView, base: Path, rule: Rule): void {
  const [short, long] = [
    [...base, ...rule.short],
    [...base, ...rule.long],
  ];
  const [least, most] = [time(view, short), time(view, long)];
  if (!least || !most || least <= most) return;
  if (rule.both && !(view.written(short) && view.written(long))) return;
  // Shown at the one that somebody wrote; the other may be a default.
  const at = view.written(short) ? short : long;
  const [first, second] = [String(rule.short.at(-1)), String(rule.long.at(-1))];
  const values = `${first} is ${view.string(short)}, ${second} is ${view.string(long)}`;
  view.report('contradicting-times', at, `${values}: ${rule.why}`);
}

function time(view: DocumentView, path: Path): number | undefined {
  return parseDuration(view.string(path) ?? '');
}
