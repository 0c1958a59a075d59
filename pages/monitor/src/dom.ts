type Child = Node | string | null;

/** Attributes; `false` and `null` leave one out. `on…` are not among them: listeners are added where they are needed. */
export type Attributes = Readonly<Record<string, string | number | boolean | null>>;

/** An element of the page that must be there. */
export function byId(id: string): HTMLElement;
export function byId<T extends HTMLElement>(id: string, type: new () => T): T;
export function byId(id: string, type: new () => HTMLElement = HTMLElement): HTMLElement {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`There is no #${id}`);
  return element;
}

/** Makes an element. Whatever comes from a session or a server is a text here, and never markup. */
export function h<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(name), attributes, children);
}

/** Makes an element of a picture. */
export function svg(name: string, attributes: Attributes = {}, ...children: readonly Child[]): SVGElement {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

/** Shows a text, and touches the page only when it has changed. */
export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Pairs of a `dl`. */
export function setFacts(list: HTMLElement, facts: readonly (readonly [string, string])[]): void {
  const texts = [...list.querySelectorAll('dt, dd')].map((element) => element.textContent);
  if (texts.length === facts.length * 2 && facts.flat().every((text, index) => text === texts[index])) return;
  list.replaceChildren(...facts.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
}

function filled<T extends Element>(element: T, attributes: Attributes, children: readonly Child[]): T {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}
