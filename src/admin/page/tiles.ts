import { h, put } from './dom.ts';
import { count, DASH, duration, percent, rate } from './format.ts';
import { Sparkline } from './parts.ts';
import type { Store } from './store.ts';

interface Tile {
  readonly title: string;
  readonly value: (store: Store) => string;
  readonly note: (store: Store) => string;
  /** Its history; null for a gap. */
  readonly figure: (store: Store) => number | null;
}

const TILES: readonly Tile[] = [
  {
    title: 'Requests per second',
    value: ({ router }) => rate(router!.qps),
    note: ({ router }) => `over the last ${Math.round(router!.window / 1000)} s`,
    figure: ({ router }) => router!.qps,
  },
  {
    title: 'Failed',
    value: (store) => percent(store.failed()?.share ?? null),
    note: (store) => {
      const found = store.failed();
      return found === null ? '5xx, last minute' : `${count(found.failed)} of ${count(found.answered)} were 5xx`;
    },
    figure: (store) => store.failed()?.share ?? null,
  },
  {
    title: 'In flight',
    value: ({ router }) => count(router!.inflight),
    note: ({ router }) => {
      const queued = router!.queued > 0 ? `, ${count(router!.queued)} queued` : '';
      return `${count(router!.streaming)} streaming${queued}`;
    },
    figure: ({ router }) => router!.inflight,
  },
  {
    title: 'Time to first token',
    value: ({ router }) => duration(router!.ttft),
    note: ({ router }) => `median; p99 ${duration(router!.ttftP99)}`,
    figure: ({ router }) => router!.ttft,
  },
  {
    title: 'Between tokens',
    value: ({ router }) => duration(router!.interToken),
    note: () => 'mean gap of streams',
    figure: ({ router }) => router!.interToken,
  },
  {
    title: 'KV cache in use',
    value: (store) => percent(store.mean(8)),
    note: () => 'mean of the engines',
    figure: (store) => store.mean(8),
  },
  {
    title: 'Prefix cache hits',
    value: (store) => percent(store.mean(9)),
    note: () => 'of prompt tokens, mean',
    figure: (store) => store.mean(9),
  },
];

/** The figures of the whole router, each with its last minute. */
export function createTiles(parent: HTMLElement): (store: Store) => void {
  const tiles = TILES.map((tile) => {
    const value = h('dd', { class: 'value' }, DASH);
    const note = h('dd', { class: 'note' }, '');
    const spark = new Sparkline();
    parent.append(h('div', { class: 'tile' }, h('dt', {}, tile.title), value, note, spark.element));
    return { tile, value, note, spark };
  });
  return (store) => {
    for (const { tile, value, note, spark } of tiles) {
      put(value, tile.value(store));
      put(note, tile.note(store));
      spark.push(tile.figure(store));
    }
  };
}
