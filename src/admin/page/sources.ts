import type { SourceStatus } from '../status-message.ts';
import { byId, h, Keyed, put } from './dom.ts';
import { age } from './format.ts';
import { pill, setPill } from './parts.ts';
import type { Store } from './store.ts';

/** Where backends come from, and what is wrong there. */
export function createSources(): (store: Store) => void {
  const items = new Keyed(() =>
    h('li', {}, pill(), h('b'), h('span', { class: 'sub' }), h('ul', { class: 'troubles' })),
  );
  return ({ sources }) => {
    items.show(byId('sources'), sources, ({ name }) => name, fillSource);
  };
}

function fillSource(item: HTMLLIElement, { name, type, synced, age: silent, troubles }: SourceStatus): void {
  const [state, title, sub, list] = [...item.children] as HTMLElement[];
  if (troubles.length > 0) setPill(state!, 'in trouble', 'bad');
  else setPill(state!, synced ? 'synced' : 'listing', synced ? 'good' : 'warn');
  put(title!, name);
  put(sub!, silent === null ? type : `${type}, API heard ${age(silent)} ago`);
  if (list!.children.length !== troubles.length) list!.replaceChildren(...troubles.map(() => h('li')));
  for (const [at, trouble] of troubles.entries()) put(list!.children[at]!, trouble);
}
