import type { RouteStatus } from '../status-message.ts';
import { byId, h, Keyed, mark, put } from './dom.ts';
import { age, count, percent, plural, shortName } from './format.ts';
import type { Store } from './store.ts';

interface Part {
  readonly key: string;
  readonly name: string;
  readonly share: number;
  /** 1 to 8; 0 for the rest. */
  readonly hue: number;
}

/** Each rule in the order in which it is tried, and where its requests went. */
export function createRoutes(): (store: Store) => void {
  const cards = new Keyed(card);
  const lists = new WeakMap<Element, { readonly bars: Keyed<HTMLElement>; readonly names: Keyed<HTMLElement> }>();
  return (store) => {
    cards.show(
      byId('routes'),
      store.routes,
      ({ name }) => name,
      (element, route) => {
        fillRoute(element, route, store.router!.window);
        let keyed = lists.get(element);
        if (keyed === undefined) {
          keyed = {
            bars: new Keyed(() => h('i')),
            names: new Keyed(() => h('li', {}, h('i', { 'aria-hidden': 'true' }), h('span'), h('b'))),
          };
          lists.set(element, keyed);
        }
        const parts = partsOf(route, store);
        const [bar, names] = [element.querySelector('.shares')!, element.querySelector('.legend')!];
        keyed.bars.show(
          bar,
          parts,
          ({ key }) => key,
          (segment, { share, hue }) => {
            segment.style.setProperty('--share', String(share));
            mark(segment, 'data-hue', String(hue));
          },
        );
        keyed.names.show(
          names,
          parts,
          ({ key }) => key,
          (item, { name, share, hue }) => {
            mark(item, 'data-hue', String(hue));
            put(item.children[1]!, name);
            put(item.children[2]!, percent(share));
          },
        );
      },
    );
    byId('no-routes').hidden = store.routes.length > 0;
  };
}

function card(): HTMLElement {
  const line = (term: string) => h('div', {}, h('dt', {}, term), h('dd'));
  return h(
    'li',
    { class: 'card route' },
    h('h3'),
    h('dl', {}, line('matches'), line('sends to'), line('algorithm'), line('candidates'), line('in flight')),
    h('p', { class: 'traffic' }),
    h('div', { class: 'shares', 'aria-hidden': 'true' }),
    h('ul', { class: 'legend' }),
  );
}

/** `window`: ms. */
function fillRoute(element: HTMLElement, route: RouteStatus, window: number): void {
  put(element.querySelector('h3')!, route.name);
  const fallback = route.fallback.length > 0 ? `; else ${route.fallback.join(', ')}` : '';
  const queued = route.queued > 0 ? `, ${count(route.queued)} queued` : '';
  const values = [
    route.match === '' ? 'every model' : route.match,
    `${route.to}${fallback}`,
    route.algorithm,
    `${count(route.available)} of ${count(route.members)} available`,
    `${count(route.inflight)}${queued}`,
  ];
  for (const [at, dd] of [...element.querySelectorAll('dd')].entries()) put(dd, values[at]!);
  mark(element, 'data-tone', route.available === 0 ? 'bad' : route.available < route.members ? 'warn' : 'good');
  put(
    element.querySelector('.traffic')!,
    route.attempts === 0 ? `nothing in ${age(window)}` : `${plural(route.attempts, 'attempt')} in ${age(window)}`,
  );
}

function partsOf({ shares, attempts, members }: RouteStatus, { rows }: Store): Part[] {
  if (attempts === 0) return [];
  const parts: Part[] = shares.map(([key, sent], at) => ({
    key,
    name: shortName(rows.get(key)?.info.name ?? key),
    share: sent / attempts,
    hue: at + 1,
  }));
  const rest = 1 - parts.reduce((sum, { share }) => sum + share, 0);
  if (rest > 0.0005)
    parts.push({ key: '', name: `${count(Math.max(1, members - parts.length))} others`, share: rest, hue: 0 });
  return parts;
}
