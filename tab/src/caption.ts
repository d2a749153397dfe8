// What the map shows, in plain words: a hint for the first look, and a line that says how much of it can be seen.
import type { MapAnswer } from "./answers";
import { element } from "./element";
import { kindInk, letterOf } from "./event_look";
import type { Store } from "./store";
import { eventsOn } from "./verdicts";
import { counted, number, percent, SKETCHED } from "./words";

const KEYS: [keys: string, meaning: string][] = [
  ["← →", "time"],
  ["Home End", "first, last record"],
  ["shift + arrows", "rotate"],
  ["+ −", "zoom"],
  ["N P", "next, previous run"],
  ["Enter", "samples of its latest record"],
  ["Esc", "back"],
];

const keys = (): HTMLElement =>
  element(
    "div",
    { className: "keys" },
    "Keys on the map: ",
    ...KEYS.map(([key, meaning]) => element("span", {}, element("kbd", { textContent: key }), ` ${meaning}`)),
  );

const part = (some: number, all: number, noun: string): string =>
  some === all ? counted(all, noun) : `${some.toLocaleString("en")} of ${counted(all, noun)}`;

/** Returns the explained stress of the first axes alone, 1 − √(1 − share of the squared eigenvalues). */
export function explained(answer: MapAnswer, axes: number): number {
  const squares = answer.eigenvalues.map((value) => value ** 2);
  const all = squares.reduce((sum, one) => sum + one, 0);
  const own = squares.slice(0, axes).reduce((sum, one) => sum + one, 0);
  return all ? 1 - Math.sqrt(1 - (1 - (1 - answer.stress) ** 2) * (own / all)) : answer.stress;
}

export class Caption {
  readonly hint: HTMLElement;
  readonly line = element("div", { className: "caption" });
  readonly kinds = element("div", { className: "kinds", role: "group", "aria-label": "events on the map" });
  private what = element("span", {});

  constructor(private store: Store) {
    this.hint = element(
      "div",
      { className: "hint" },
      element("div", {}, this.what, keys()),
      element("button", {
        type: "button",
        textContent: "×",
        "aria-label": "close the hint",
        onclick: () => store.choose({ hint: false }),
      }),
    );
    store.watch(["data", "choice", "theme"], () => this.update());
  }

  private update(): void {
    const { store } = this;
    const { map, records } = store;
    this.hint.hidden = !store.choice.hint || !map;
    if (!map || !records) {
      this.line.replaceChildren();
      this.kinds.replaceChildren();
      return;
    }
    const bold = (text: string) => element("b", { textContent: text });
    const { answer } = records;
    const ignorance = [bold("■ ignorance"), " (every class equally likely)"];
    const ends = answer.path
      ? [
          "Runs start near ",
          ...ignorance,
          " and head for ",
          bold("★ truth"),
          " (every label certain). The dashed line is the shortest way on the sphere of predictions; drawn flat, it looks bent.",
        ]
      : answer.ignorance
        ? ["Runs start near ", ...ignorance, "."]
        : [];
    this.what.replaceChildren(
      bold("Each point is a network at one step"),
      `, by all its predictions on the same ${counted(map.samples, "sample")}. `,
      bold("Near"),
      ": they predict nearly the same. ",
      bold("Far"),
      ": they differ. ",
      ...ends,
    );
    const timelike = answer.timelike.flatMap((one, axis) =>
      one && !(store.choice.flat && axis > 1) ? [axis + 1] : [],
    );
    const shown = store.shown.reduce((sum, name) => sum + records.runs.get(name)!.records.length, 0);
    const said = [
      `${part(store.shown.length, answer.runs.length, "run")}, ${part(shown, answer.steps.length, "record")}`,
      store.choice.flat
        ? `these two axes show ${percent(explained(answer, 2))} of all distances, three would show ${percent(answer.stress)}`
        : `the three axes show ${percent(answer.stress)} of all distances`,
      ...(timelike.length
        ? [
            `${timelike.length === 1 ? `axis ${timelike[0]} is` : `axes ${timelike.join(" and ")} are`} time-like: what is apart there is nearer than it looks`,
          ]
        : []),
      ...(answer.landmarks === null
        ? []
        : [`laid out by ${number(answer.landmarks)} of the records, the others placed among them`]),
      ...(answer.thinned && answer.thinned > 1
        ? [`of each run every ${answer.thinned === 2 ? "2nd" : `${answer.thinned}th`} record`]
        : []),
      ...(answer.samples_used < map.samples ? [`from ${number(answer.samples_used)} of the samples`] : []),
      ...(map.sketched ? [SKETCHED] : []),
    ];
    this.line.replaceChildren(`${said.join(" · ")}.`);
    this.events();
  }

  private events(): void {
    const { store } = this;
    const probe = store.map?.probe ?? "";
    const names = [
      ...new Set(store.shown.flatMap((name) => eventsOn(store.run(name), probe).map((event) => event.name))),
    ].sort();
    const focused = [...this.kinds.children].indexOf(document.activeElement!);
    const buttons = names.map((name) => {
      const off = store.choice.events.includes(name);
      const button = element("button", {
        type: "button",
        className: "kind",
        textContent: `${letterOf(name)} ${name.replaceAll("_", " ")}`,
        title: off ? "click to mark these events" : "click to hide these marks",
        "aria-pressed": String(!off),
        onclick: () =>
          store.choose({
            events: off ? store.choice.events.filter((one) => one !== name) : [...store.choice.events, name],
          }),
      });
      button.style.setProperty("--kind", kindInk(name, store.inks));
      return button;
    });
    this.kinds.replaceChildren(
      ...(names.length ? [element("span", { textContent: "marks: since · in a ring: known" })] : []),
      ...buttons,
    );
    if (focused >= 0) (this.kinds.children[focused] as HTMLElement | undefined)?.focus();
  }
}
