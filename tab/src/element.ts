// Elements made from text. Nothing here parses markup, so a run called <script> is only a strange name.

type Properties = Partial<Record<string, unknown>>;
export type Child = Node | string | null | undefined | false;

const SVG = "http://www.w3.org/2000/svg";

/** Returns an element; properties that start with `on` are listeners, those with a hyphen and `role` attributes. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value as EventListener);
    else if (name.includes("-") || name === "role" || name === "for") made.setAttribute(name, String(value));
    else (made as unknown as Properties)[name] = value;
  }
  made.append(...children.filter((child): child is Node | string => Boolean(child) || child === ""));
  return made;
}

/** Returns an SVG element with attributes. */
export function drawn(tag: string, attributes: Record<string, string | number>, ...children: Node[]): SVGElement {
  const made = document.createElementNS(SVG, tag) as SVGElement;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/** Returns a box to choose from, with the values it offers and what they are called. */
export function chooser(
  label: string,
  options: [value: string, said: string][],
  chosen: string,
  change: (value: string) => void,
): HTMLSelectElement {
  const box = element("select", { "aria-label": label, title: label });
  fill(box, options, chosen);
  box.addEventListener("change", () => change(box.value));
  return box;
}

/** Puts options into a box, unless it offers just these already: an open list is not closed under the reader's hand. */
export function fill(box: HTMLSelectElement, options: [value: string, said: string][], chosen: string): void {
  const same =
    box.options.length === options.length &&
    options.every(([value, said], i) => box.options[i]?.value === value && box.options[i]?.text === said);
  if (!same) box.replaceChildren(...options.map(([value, said]) => element("option", { value, text: said })));
  if (box.value !== chosen) box.value = chosen;
}
