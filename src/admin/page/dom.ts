/** The little that is needed to build and change the page. Names and figures only ever become text, never markup. */
type Child = Node | string;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

export function svg(
  tag: string,
  attributes: Readonly<Record<string, string>>,
  ...children: readonly Node[]
): SVGElement {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function byId<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Writes only what differs: a selection of text and a screen reader's place survive. */
export function put(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function mark(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** Shows exactly these children, in this order, moving as few as possible. */
export function arrange(parent: Element, children: readonly Element[]): void {
  for (const [at, child] of children.entries()) {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
  }
  while (parent.children.length > children.length) parent.lastElementChild!.remove();
}

/** One element per key, made when the key first appears and forgotten when it goes. */
export class Keyed<T extends Element> {
  readonly #elements = new Map<string, T>();
  readonly #make: () => T;

  constructor(make: () => T) {
    this.#make = make;
  }

  show<Item>(
    parent: Element,
    items: readonly Item[],
    key: (item: Item) => string,
    fill: (element: T, item: Item) => void,
  ): void {
    const shown = items.map((item) => {
      let element = this.#elements.get(key(item));
      if (element === undefined) {
        element = this.#make();
        this.#elements.set(key(item), element);
      }
      fill(element, item);
      return element;
    });
    arrange(parent, shown);
    if (this.#elements.size === shown.length) return;
    const keys = new Set(items.map(key));
    for (const known of this.#elements.keys()) if (!keys.has(known)) this.#elements.delete(known);
  }
}
