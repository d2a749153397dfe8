// What happened in the runs that are shown, kind by kind; and what happened at one record.
import type { RunEvent } from "./answers";
import { element } from "./element";
import { inkOf, kindInk, letterOf } from "./event_look";
import { nearest, type RunRecords } from "./records";
import type { Store } from "./store";
import { eventsOn, headline, withdrawal } from "./verdicts";
import { number, short } from "./words";

const MOST = 60; // events of a kind
const GRAVITY = ["overfitting", "recovered", "memorisation", "generalisation"];
const gravity = (kind: string): number => (GRAVITY.indexOf(kind) + 9) % 9;

interface Happened {
  name: string;
  event: RunEvent;
  withdrawn: RunEvent | null;
}

export class Happenings {
  constructor(
    private store: Store,
    private select: (run: string, step: number) => void,
  ) {}

  /** Puts an invitation into a head, and the events of the runs that are shown into a body. */
  fill(head: HTMLElement, body: HTMLElement): void {
    head.replaceChildren(
      element(
        "p",
        { className: "invite" },
        element("b", { textContent: "Click a point" }),
        " of the map or of a curve: the samples that moved, were forgotten, or are wrong with confidence at that step.",
      ),
    );
    const events = this.events();
    const kinds = [...new Set(events.map(({ event }) => event.name))].sort((a, b) => gravity(a) - gravity(b));
    body.replaceChildren(
      element("h4", { textContent: "What happened" }),
      ...(events.length
        ? []
        : [element("p", { className: "soft", textContent: "No events so far in the runs that are shown." })]),
      ...kinds.flatMap((kind) =>
        this.kind(
          kind,
          events.filter(({ event }) => event.name === kind),
        ),
      ),
    );
  }

  // What withdraws a flag is told with that flag, not as an event beside it.
  private events(): Happened[] {
    const { store } = this;
    return store.shown.flatMap((name) => {
      const run = store.run(name);
      const own = eventsOn(run, store.map?.probe ?? "").map((event) => ({
        name,
        event,
        withdrawn: withdrawal(event, run),
      }));
      const told = new Set(own.map((one) => one.withdrawn));
      return own.filter(({ event }) => !told.has(event));
    });
  }

  private kind(kind: string, events: Happened[]): HTMLElement[] {
    const past = (one: Happened) => Number(one.withdrawn !== null); // what stands comes first
    events.sort(
      (a, b) =>
        past(a) - past(b) || a.name.localeCompare(b.name, "en", { numeric: true }) || a.event.step - b.event.step,
    );
    const withdrawn = events.filter((one) => one.withdrawn).length;
    const count = withdrawn
      ? `${events.length - withdrawn} standing, ${withdrawn} withdrawn`
      : events.length.toLocaleString("en");
    const title = element("h5", { textContent: `${letterOf(kind)} ${kind.replaceAll("_", " ")} · ${count}` });
    title.dataset["kind"] = kind;
    return [
      title,
      ...events.slice(0, MOST).map((one) => this.row(one)),
      ...(events.length > MOST
        ? [element("p", { className: "soft", textContent: `and ${events.length - MOST} more: hide runs to see them` })]
        : []),
    ];
  }

  private row({ name, event, withdrawn }: Happened): HTMLElement {
    const row = element(
      "button",
      {
        type: "button",
        className: `event${withdrawn ? " withdrawn" : ""}`,
        title: event.message ?? headline(event),
        onclick: () => this.select(name, event.step),
      },
      element("span", { textContent: short(name, 60) }),
      element(
        "span",
        { className: "soft" },
        element("span", { className: "when", textContent: when(event) }),
        endOf(withdrawn),
      ),
    );
    row.style.borderLeftColor = withdrawn ? this.store.inks.soft : kindInk(event.name, this.store.inks);
    row.dataset["run"] = name;
    return row;
  }
}

const when = (event: RunEvent): string =>
  `since ${number(event.step)}${typeof event.detected_at === "number" ? `, known at ${number(event.detected_at)}` : ""}`;
const endOf = (withdrawn: RunEvent | null): string =>
  withdrawn ? ` withdrawn at ${number(withdrawn.detected_at ?? withdrawn.step)}` : "";

/** Returns what happened at a record of a run or was known there, in full. */
export function toldAt(store: Store, run: RunRecords, place: number): HTMLElement[] {
  const state = store.run(run.name);
  return eventsOn(state, store.map?.probe ?? "").flatMap((event) => {
    const steps = [event.step, ...(typeof event.detected_at === "number" ? [event.detected_at] : [])];
    const here = steps.filter((step) => nearest(run, step) === place);
    if (!here.length) return [];
    const withdrawn = withdrawal(event, state);
    const apart = here.filter((step) => step !== run.steps[place]);
    const where = apart.length
      ? `Of step ${apart.map((step) => number(step)).join(" and ")} the nearest record is ${number(run.steps[place])}. `
      : "";
    const told = element(
      "div",
      { className: `told${withdrawn ? " withdrawn" : ""}` },
      element("b", { className: "when", textContent: `${letterOf(event.name)} ${headline(event)}` }),
      element("span", { className: "soft", textContent: endOf(withdrawn) }),
      element("p", { textContent: event.message && event.message !== headline(event) ? event.message : "" }),
      element("p", { className: "soft", textContent: where }),
    );
    told.style.borderLeftColor = inkOf(event, state, store.inks);
    return [told];
  });
}
