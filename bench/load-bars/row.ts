import type { PartName } from './options.ts';

/** One line of the report. */
export interface Row {
  readonly part: PartName;
  readonly what: string;
  /** Empty where a figure has no bar. */
  readonly bar: string;
  /** The same without the router; empty where that says nothing. */
  readonly direct: string;
  readonly measured: string;
  readonly result: 'stretch' | 'held' | 'MISSED' | '';
}

export interface Limit {
  readonly must: number;
  readonly stretch?: number;
}

interface Figure {
  readonly value: number;
  readonly direct?: number;
  readonly unit?: string;
  readonly digits?: number;
}

const show = (value: number | undefined, digits: number) =>
  value === undefined
    ? ''
    : value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

function row(part: PartName, what: string, sign: '≤' | '≥', { must, stretch }: Limit, figure: Figure): Row {
  const { value, direct, unit = '', digits = 0 } = figure;
  const holds = (limit: number) => (sign === '≤' ? value <= limit : value >= limit);
  const number = (limit: number) => limit.toLocaleString('en');
  return {
    part,
    what: unit === '' ? what : `${what}, ${unit}`,
    bar: stretch === undefined ? `${sign} ${number(must)}` : `${sign} ${number(must)} (${number(stretch)})`,
    direct: show(direct, digits),
    measured: show(value, digits),
    // A value that is not a number was not measured, and holds nothing.
    result: stretch !== undefined && holds(stretch) ? 'stretch' : holds(must) ? 'held' : 'MISSED',
  };
}

export function atMost(part: PartName, what: string, limit: Limit, figure: Figure): Row {
  return row(part, what, '≤', limit, figure);
}

export function atLeast(part: PartName, what: string, limit: Limit, figure: Figure): Row {
  return row(part, what, '≥', limit, figure);
}

/** A number that must be exactly another one. */
export function exactly(part: PartName, what: string, wanted: number, value: number, direct?: number): Row {
  const result = value === wanted ? 'held' : 'MISSED';
  return { part, what, bar: `${show(wanted, 0)}`, direct: show(direct, 0), measured: show(value, 0), result };
}

/** A figure without a bar. */
export function note(part: PartName, what: string, { value, direct, unit = '', digits = 0 }: Figure): Row {
  const name = unit === '' ? what : `${what}, ${unit}`;
  return { part, what: name, bar: '', direct: show(direct, digits), measured: show(value, digits), result: '' };
}
