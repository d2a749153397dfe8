// Colour, search and filter of runs, and the strip of verdicts above them.
import type { Filter } from "./choice";
import { chooser, element, fill } from "./element";
import { shown, written, type Key } from "./hyperparameters";
import { INK, LINES, shade, SHADES } from "./palette";
import type { Store } from "./store";
import { said, VERDICT_COLOURS, VERDICTS, verdictOn } from "./verdicts";
import { short } from "./words";

const FEW = 8; // values up to which each has a box of its own

export class RunFilter {
  readonly node: HTMLElement;
  private strip = element("div", { className: "strip", role: "group", "aria-label": "verdicts" });
  private colours: HTMLSelectElement;
  private legend = element("div", { className: "legend" });
  private query = element("input", { type: "search", placeholder: "name or lr=0.1", "aria-label": "search runs" });
  private adder: HTMLSelectElement;
  private filters = element("div", { className: "filters" });
  private drawn = "";

  constructor(private store: Store) {
    this.colours = chooser("colour by", [], "", (colour) => store.choose({ colour }));
    this.query.value = store.choice.query;
    this.query.addEventListener("input", () => store.choose({ query: this.query.value }));
    this.adder = chooser("filter by", [], "", (key) => this.add(key));
    this.node = element(
      "div",
      { className: "run-filter" },
      this.strip,
      element(
        "div",
        { className: "row" },
        element("label", {}, "colour ", this.colours),
        element("label", {}, "filter ", this.adder),
      ),
      this.legend,
      this.query,
      this.filters,
    );
    store.watch(["data", "choice", "theme"], () => this.update());
  }

  private update(): void {
    const { store } = this;
    const keys = store.keys;
    const colours: [string, string][] = [
      [":run", "run"],
      [":verdict", "verdict"],
      [":step", "time"],
      ...keys.map((key): [string, string] => [key.name, short(key.name, 30)]),
    ];
    if (store.records && !colours.some(([name]) => name === store.choice.colour)) store.choice.colour = ":run";
    fill(this.colours, colours, store.choice.colour);
    const free = keys.filter((key) => !store.choice.filters.some((filter) => filter.key === key.name));
    fill(
      this.adder,
      [["", free.length ? "by …" : "–"], ...free.map((key): [string, string] => [key.name, short(key.name, 30)])],
      "",
    );
    this.adder.disabled = !free.length;
    this.verdicts();
    this.explain(keys.find((key) => key.name === store.choice.colour));
    const wanted = JSON.stringify([
      store.choice.filters.map((filter) => filter.key),
      keys.map((key) => [key.name, ...key.values]),
    ]);
    if (wanted !== this.drawn) {
      this.drawn = wanted;
      this.filters.replaceChildren(...store.choice.filters.map((filter) => this.filter(filter, keys)));
    }
  }

  // One button a verdict, which highlights the runs it is said of.
  private verdicts(): void {
    const { store } = this;
    const probe = store.map?.probe ?? "";
    const buttons = VERDICTS.flatMap((kind) => {
      const own = store.shown.filter((name) => verdictOn(store.run(name), probe).kind === kind);
      if (!own.length) return [];
      const pressed =
        own.length === store.choice.marked.length && own.every((name) => store.choice.marked.includes(name));
      return [
        element("button", {
          type: "button",
          className: `verdict ${kind}`,
          textContent: `${own.length} ${said(kind)}`,
          title: "click to highlight these runs everywhere",
          "aria-pressed": String(pressed),
          onclick: () => store.choose({ marked: pressed ? [] : own }),
        }),
      ];
    });
    const focused = [...this.strip.children].findIndex((one) => one === document.activeElement);
    this.strip.replaceChildren(...buttons);
    if (focused >= 0) buttons[focused]?.focus();
  }

  private explain(key: Key | undefined): void {
    const { store } = this;
    const dark = store.inks.dark;
    const bar = (low: string, high: string) => {
      const made = element("span", { className: "bar" });
      const stops = Array.from({ length: SHADES }, (_, i) => shade(i / (SHADES - 1), dark));
      made.style.background = `linear-gradient(to right, ${stops.join(",")})`;
      return [low, made, high];
    };
    const square = (colour: string, text: string) => {
      const made = element("i", { className: "square" });
      made.style.background = colour;
      return element("span", {}, made, text);
    };
    const { colour } = store.choice;
    if (colour === ":step") this.legend.replaceChildren(...bar("start", "end"));
    else if (colour === ":verdict") {
      const kinds = new Set(store.shown.map((name) => verdictOn(store.run(name), store.map?.probe ?? "").kind));
      const present = VERDICTS.filter((kind) => kinds.has(kind));
      this.legend.replaceChildren(...present.map((kind) => square(VERDICT_COLOURS[kind], said(kind))));
    } else if (key?.numbers) {
      this.legend.replaceChildren(...bar(shown(key, key.low), `${shown(key, key.high)}${key.log ? " (log)" : ""}`));
    } else if (key) {
      const squares = [...key.values.values()]
        .slice(0, FEW)
        .map((text, i) => square(LINES[i % LINES.length] ?? INK, short(text, 22)));
      this.legend.replaceChildren(...squares, ...(key.values.size > FEW ? ["…"] : []));
    } else this.legend.replaceChildren();
  }

  private add(name: string): void {
    const key = this.store.keys.find((one) => one.name === name);
    if (!key) return;
    const range = key.numbers !== null && key.values.size > FEW;
    const filter: Filter = { key: name, without: range ? null : [], low: null, high: null };
    this.store.choose({ filters: [...this.store.choice.filters, filter] });
  }

  private filter(filter: Filter, keys: Key[]): HTMLElement {
    const { store } = this;
    const key = keys.find((one) => one.name === filter.key);
    const remove = element("button", {
      type: "button",
      textContent: "×",
      "aria-label": `remove the filter by ${filter.key}`,
      onclick: () => store.choose({ filters: store.choice.filters.filter((one) => one.key !== filter.key) }),
    });
    const change = (changes: Partial<Filter>) =>
      store.choose({
        filters: store.choice.filters.map((one) => (one.key === filter.key ? { ...one, ...changes } : one)),
      });
    const bound = (side: "low" | "high", said: string) =>
      element("input", {
        type: "number",
        step: "any",
        placeholder: said,
        "aria-label": `${side === "low" ? "least" : "largest"} ${filter.key}`,
        value: filter[side] ?? "",
        oninput: (event: Event) => {
          const { value } = event.target as HTMLInputElement;
          change({ [side]: value === "" ? null : Number(value) });
        },
      });
    const without = new Set(filter.without ?? []);
    const body = filter.without
      ? [...(key?.values ?? [])].map(([value, text]) =>
          element(
            "label",
            { title: text },
            element("input", {
              type: "checkbox",
              checked: !without.has(value),
              onchange: (event: Event) => {
                if ((event.target as HTMLInputElement).checked) without.delete(value);
                else without.add(value);
                change({ without: [...without] });
              },
            }),
            short(text, 24),
          ),
        )
      : [bound("low", written(key?.low ?? null)), " to ", bound("high", written(key?.high ?? null))];
    return element(
      "fieldset",
      { className: "filter" },
      element("legend", { textContent: short(filter.key, 30) }),
      ...body,
      remove,
    );
  }
}
