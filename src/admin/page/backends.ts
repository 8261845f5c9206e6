import type { BackendInfo } from '../status-message.ts';
import { byId, h, Keyed, mark, put } from './dom.ts';
import { age, count, DASH, duration, percent, plural, rate, shortName } from './format.ts';
import { meter, pill, setMeter, setPill } from './parts.ts';
import { type Column, type Row, type Store, select } from './store.ts';

/** Rows at once: a thousand in one table would cost the phone more than the network. */
const PAGE = 50;

/** Columns of the table, as the heads of index.html name them. */
const CELLS = [
  'State',
  'In flight',
  'Req/s',
  'TTFT',
  'Between tokens',
  'KV cache',
  'Prefix hits',
  'Engine',
  'Models',
  'Known for',
];

/** The table of backends: searched, filtered, sorted and paged here, so that the router need not. */
export function createBackends(): (store: Store) => void {
  const view = { search: '', state: '', sort: 'name' as Column, descending: false, page: 0 };
  const rows = new Keyed(row);
  const chips = new Keyed(() => h('button', { type: 'button', class: 'chip' }, pill(), h('b')));
  let store: Store | undefined;

  const search = byId<HTMLInputElement>('search');
  search.addEventListener('input', () => change({ search: search.value, page: 0 }));
  byId('previous').addEventListener('click', () => change({ page: view.page - 1 }));
  byId('next').addEventListener('click', () => change({ page: view.page + 1 }));
  byId('states').addEventListener('click', (event) => {
    const chip = (event.target as Element).closest('button');
    if (chip === null) return;
    const state = chip.dataset['state'] ?? '';
    change({ state: state === view.state ? '' : state, page: 0 });
  });
  byId('heads').addEventListener('click', (event) => {
    const button = (event.target as Element).closest('button');
    if (button === null) return;
    const sort = button.dataset['sort'] as Column;
    // Figures are looked at from the top, names from A.
    const first = sort !== 'name' && sort !== 'state' && sort !== 'models';
    change({ sort, descending: sort === view.sort ? !view.descending : first, page: 0 });
  });
  byId('sort').addEventListener('change', (event) => {
    const sort = (event.target as HTMLSelectElement).value as Column;
    change({ sort, descending: sort !== 'name' && sort !== 'state' && sort !== 'models', page: 0 });
  });

  function change(part: Partial<typeof view>): void {
    Object.assign(view, part);
    if (store !== undefined) show(store);
  }

  function show(now: Store): void {
    store = now;
    const states = now.states();
    // A state that nobody is in any more would leave an empty table and no way out.
    if (view.state !== '' && !states.some(([state]) => state === view.state)) view.state = '';
    chips.show(
      byId('states'),
      states,
      ([state]) => state,
      (chip, [state, amount]) => {
        chip.dataset['state'] = state;
        mark(chip, 'aria-pressed', String(state === view.state));
        setPill(chip.firstElementChild as HTMLElement, state);
        put(chip.lastElementChild!, count(amount));
      },
    );
    const found = select(now.rows.values(), view);
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    view.page = Math.min(Math.max(0, view.page), pages - 1);
    const from = view.page * PAGE;
    const shown = found.slice(from, from + PAGE);
    rows.show(byId('backends'), shown, ({ key }) => key, fillRow);
    showHeads(view);
    showPager(from, shown.length, found.length, now.rows.size, pages, view.page);
  }
  return show;
}

function row(): HTMLTableRowElement {
  const first: Readonly<Record<string, () => HTMLElement>> = { State: pill, 'KV cache': meter, 'Prefix hits': meter };
  return h(
    'tr',
    {},
    h('th', { scope: 'row' }, h('span', { class: 'name' }), h('span', { class: 'sub' })),
    ...CELLS.map((label) =>
      h('td', { 'data-label': label }, (first[label] ?? (() => h('span')))(), h('span', { class: 'sub' })),
    ),
  );
}

function fillRow(element: HTMLTableRowElement, { info, live }: Row): void {
  const [state, breaker, inflight, streaming, qps, ttft, ttftP99, interToken, kv, hit, running, waiting] = live;
  const [trouble, retryAt] = [live[12], live[13]];
  const [head, ...cells] = [...element.children] as HTMLElement[];
  const lines = (at: number, text: string, below = '') => {
    put(cells[at]!.firstElementChild!, text);
    put(cells[at]!.lastElementChild!, below);
  };
  put(head!.firstElementChild!, shortName(info.name));
  put(head!.lastElementChild!, under(info));
  mark(
    head!,
    'title',
    [info.name, info.url, `source ${info.source}`, `weight ${info.weight}`, ...labels(info)].join('\n'),
  );
  setPill(cells[0]!.firstElementChild as HTMLElement, state);
  put(cells[0]!.lastElementChild!, whyOf(breaker, trouble, retryAt));
  mark(cells[0]!, 'title', trouble);
  lines(1, count(inflight), streaming > 0 ? `${count(streaming)} streaming` : '');
  lines(2, rate(qps));
  lines(3, duration(ttft), ttft === null ? '' : `p99 ${duration(ttftP99)}`);
  lines(4, duration(interToken));
  setMeter(cells[5]!.firstElementChild as HTMLElement, kv, percent(kv));
  setMeter(cells[6]!.firstElementChild as HTMLElement, hit, percent(hit));
  if (hit !== null) mark(cells[6]!.firstElementChild!, 'data-tone', 'good');
  lines(7, running === null ? DASH : `${count(running)} running`, waiting ? `${count(waiting)} waiting` : '');
  const [model, ...more] = info.models;
  lines(8, model ?? 'not known yet', more.length > 0 ? `and ${count(info.modelCount - 1)} more` : '');
  mark(cells[8]!, 'title', info.models.join('\n'));
  lines(9, age(Date.now() - info.since));
}

/** What the state alone leaves open: why, and until when. */
function whyOf(breaker: string, trouble: string, retryAt: number | null): string {
  const parts = [breaker === 'closed' ? '' : `breaker ${breaker}`, trouble];
  const left = retryAt === null ? 0 : retryAt - Date.now();
  if (left > 0) parts.push(`next try in ${age(left)}`);
  else if (breaker === 'open') parts.push('the next request probes it');
  return parts.filter((part) => part !== '').join(', ');
}

/** What a name leaves unsaid. */
function under({ name, url, source }: BackendInfo): string {
  return name === url ? source : `${shortName(url)} · ${source}`;
}

function labels(info: BackendInfo): string[] {
  return Object.entries(info.labels).map(([name, value]) => `${name}=${value}`);
}

function showHeads({ sort, descending }: { readonly sort: Column; readonly descending: boolean }): void {
  for (const button of byId('heads').querySelectorAll('button')) {
    const sorted = button.dataset['sort'] === sort ? (descending ? 'descending' : 'ascending') : 'none';
    mark(button.closest('th')!, 'aria-sort', sorted);
  }
  byId<HTMLSelectElement>('sort').value = sort;
}

function showPager(from: number, shown: number, found: number, all: number, pages: number, page: number): void {
  const range = pages > 1 ? `${count(from + 1)}–${count(from + shown)} of ${count(found)}` : plural(found, 'backend');
  put(byId('range'), found === all ? range : `${range}, ${count(all)} in all`);
  byId<HTMLButtonElement>('previous').disabled = page === 0;
  byId<HTMLButtonElement>('next').disabled = page >= pages - 1;
  byId('pager').hidden = pages === 1;
  byId('no-backends').hidden = shown > 0;
  put(byId('no-backends'), all === 0 ? 'No backends are known.' : 'No backend is like that.');
}
