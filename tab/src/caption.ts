// What the map shows, in plain words: a hint for the first look, and a line that says how much of it can be seen.
import { element } from "./element";
import { eventColour } from "./palette";
import type { Store } from "./store";
import { eventsOn } from "./verdicts";
import { counted, number, percent, SKETCHED } from "./words";

export class Caption {
  readonly hint: HTMLElement;
  readonly line = element("div", { className: "caption" });
  readonly kinds = element("div", { className: "kinds", role: "group", "aria-label": "events on the map" });
  private what = element("span", {});

  constructor(private store: Store) {
    this.hint = element(
      "div",
      { className: "hint" },
      this.what,
      element("button", {
        type: "button",
        textContent: "×",
        "aria-label": "close the hint",
        onclick: () => store.choose({ hint: false }),
      }),
    );
    store.watch(["data", "choice"], () => this.update());
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
          " (every label certain); the dashed line is the straight way.",
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
    const timelike = answer.timelike.flatMap((one, axis) => (one ? [axis + 1] : []));
    const said = [
      `${counted(answer.runs.length, "run")}, ${counted(answer.steps.length, "record")}`,
      `the three axes show ${percent(answer.stress)} of all distances${store.choice.flat ? ", two of them are seen here" : ""}`,
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
        textContent: `✕ ${name.replaceAll("_", " ")}`,
        title: off ? "click to mark these events" : "click to hide these marks",
        "aria-pressed": String(!off),
        onclick: () =>
          store.choose({
            events: off ? store.choice.events.filter((one) => one !== name) : [...store.choice.events, name],
          }),
      });
      button.style.setProperty("--kind", eventColour(name));
      return button;
    });
    this.kinds.replaceChildren(
      ...(names.length ? [element("span", { textContent: "✕ since, ○ known:" })] : []),
      ...buttons,
    );
    if (focused >= 0) (this.kinds.children[focused] as HTMLElement | undefined)?.focus();
  }
}
