import { h, mark, put, svg } from './dom.ts';

/** States of backends in the order of worry; anything else is shown as it is called. */
const TONES: Readonly<Record<string, string>> = {
  ready: 'good',
  applied: 'good',
  unchanged: 'good',
  closed: 'good',
  sleeping: 'calm',
  removed: 'calm',
  'no-models': 'calm',
  terminating: 'warn',
  probing: 'warn',
  warning: 'warn',
  ejected: 'bad',
  open: 'bad',
  unhealthy: 'bad',
  rejected: 'bad',
  error: 'bad',
};

/** A coloured dot with its word: colour alone says nothing to some people. */
export function pill(): HTMLElement {
  return h('span', { class: 'pill' }, h('i', { 'aria-hidden': 'true' }), h('span'));
}

export function setPill(element: HTMLElement, word: string, tone = TONES[word] ?? 'warn'): void {
  mark(element, 'data-tone', tone);
  put(element.lastElementChild!, word);
}

/** A share 0..1 as a bar behind its figure. */
export function meter(): HTMLElement {
  return h('span', { class: 'meter' }, h('i', { 'aria-hidden': 'true' }), h('span'));
}

export function setMeter(element: HTMLElement, share: number | null, text: string): void {
  const bar = element.firstElementChild as HTMLElement;
  bar.style.setProperty('--share', String(share ?? 0));
  mark(element, 'data-tone', share === null ? 'none' : share > 0.95 ? 'bad' : share > 0.8 ? 'warn' : 'good');
  put(element.lastElementChild!, text);
}

const POINTS = 60;
const WIDTH = 120;
const HEIGHT = 28;

/** The last minute of a figure. */
export class Sparkline {
  readonly element: SVGElement;
  readonly #line = svg('polyline', { class: 'line', points: '' });
  readonly #area = svg('polygon', { class: 'area', points: '' });
  readonly #values: (number | null)[] = [];

  constructor() {
    this.element = svg(
      'svg',
      { class: 'spark', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      this.#area,
      this.#line,
    );
  }

  push(value: number | null): void {
    this.#values.push(value);
    if (this.#values.length > POINTS) this.#values.shift();
    const known = this.#values.filter((one) => one !== null);
    const most = Math.max(...known, 0) || 1;
    const from = POINTS - this.#values.length;
    const points = this.#values.flatMap((one, at) =>
      one === null
        ? []
        : [
            `${(((from + at) / (POINTS - 1)) * WIDTH).toFixed(1)},${(HEIGHT - 2 - (one / most) * (HEIGHT - 4)).toFixed(1)}`,
          ],
    );
    this.#line.setAttribute('points', points.join(' '));
    const first = points[0]?.split(',')[0];
    const last = points.at(-1)?.split(',')[0];
    this.#area.setAttribute(
      'points',
      points.length < 2 ? '' : `${first},${HEIGHT} ${points.join(' ')} ${last},${HEIGHT}`,
    );
  }
}
