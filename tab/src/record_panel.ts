// What happens to samples at a record; before one is chosen, what happened in the runs.
import type { Item, RunEvent, SamplesAnswer } from "./answers";
import { element } from "./element";
import { Loader } from "./loader";
import { eventColour } from "./palette";
import { nearest } from "./records";
import { sampleRow } from "./sample_row";
import type { Store } from "./store";
import { eventsOn, headline } from "./verdicts";
import { number, quantity, short } from "./words";

interface ListWords {
  title: string;
  meaning: string;
  none: string;
}
const LISTS: Record<string, ListWords> = {
  moved: {
    title: "Moved most",
    meaning: "whose prediction changed most, in rad, since the record before",
    none: "the first record: nothing has moved yet",
  },
  forgotten: {
    title: "Forgotten",
    meaning: "right once, wrong now",
    none: "none: all that was ever right is right now",
  },
  confidently_wrong: { title: "Confidently wrong", meaning: "wrong now, the surest first", none: "none is wrong" },
  never_learnt: {
    title: "Never learnt",
    meaning: "right at no record so far",
    none: "none: all were right at some record",
  },
  memorised_late: { title: "Memorised late", meaning: "right only since lately, and from then on", none: "none" },
};
const FEW = 4;
const MOST = 60; // events of a kind
const gravity = (kind: string): number =>
  (["overfitting", "recovered", "memorisation", "generalisation"].indexOf(kind) + 9) % 9;

interface Happened {
  name: string;
  event: RunEvent;
}

export class RecordPanel {
  readonly node = element("div", { className: "record-panel" });
  private head = element("div", { className: "record-head" });
  private body = element("div", {});
  private loader: Loader<SamplesAnswer>;
  private wide = new Set<string>(); // lists that are shown whole

  constructor(
    private store: Store,
    private select: (run: string, step: number) => void,
    private open: (run: string, sample: number, picture: boolean) => void,
  ) {
    this.loader = new Loader("samples", this.body, (answer) => this.draw(answer));
    this.node.append(this.head, this.body);
    store.watch(["data", "choice"], () => this.update());
  }

  private update(): void {
    const { store } = this;
    const { selected } = store.choice;
    const run = selected ? store.records?.runs.get(selected.run) : undefined;
    if (!selected || !run?.records.length || !store.isShown(selected.run)) {
      this.loader.clear();
      this.welcome();
      return;
    }
    const map = store.map!;
    const place = nearest(run, selected.step);
    const record = run.records[place]!;
    const { curves } = store.records!.answer;
    const step = (way: number, said: string, arrow: string) =>
      element("button", {
        type: "button",
        textContent: arrow,
        "aria-label": said,
        title: said,
        disabled: run.steps[place + way] === undefined,
        onclick: () => this.select(run.name, run.steps[place + way]!),
      });
    const values = ["distance_to_truth", "accuracy"].filter((name) => typeof curves[name]?.[record] === "number");
    const focused = (document.activeElement as HTMLElement | null)?.getAttribute("aria-label") ?? "";
    const within = this.head.contains(document.activeElement);
    this.head.replaceChildren(
      element("h3", { textContent: short(run.name, 60), title: run.name }),
      element(
        "div",
        { className: "row" },
        step(-1, "record before", "‹"),
        element("b", { textContent: `step ${number(run.steps[place])}` }),
        step(1, "next record", "›"),
        element("button", {
          type: "button",
          textContent: "× all runs",
          title: "back to what happened (Escape)",
          onclick: () => store.choose({ selected: null, marked: [] }),
        }),
      ),
      element("div", {
        className: "soft",
        textContent: values
          .map((name) => `${quantity(name).title.replace(/ \[.*/, "")} ${number(curves[name]![record])}`)
          .join(" · "),
      }),
    );
    if (within) this.head.querySelector<HTMLElement>(`[aria-label="${focused}"]`)?.focus();
    void this.loader.load({ map: map.key, run: run.name, step: run.steps[place]! }, map.revision);
  }

  private draw(answer: SamplesAnswer): void {
    const labelled = this.store.map?.labelled ?? true;
    const lists = Object.entries(answer.lists).filter((pair): pair is [string, Item[]] => pair[1] !== null);
    const shown = lists.filter(([name, items]) => labelled || items.length || name === "moved");
    this.body.replaceChildren(
      ...(labelled
        ? []
        : [element("p", { className: "soft", textContent: "This probe has no labels: only what moved can be said." })]),
      ...shown.map(([name, items]) => this.list(answer, name, items)),
    );
  }

  private list(answer: SamplesAnswer, name: string, items: Item[]): HTMLElement {
    const words = LISTS[name] ?? { title: name.replaceAll("_", " "), meaning: "", none: "none" };
    const at = answer.steps.indexOf(answer.step);
    const whole = this.wide.has(name);
    const since = name === "moved" && answer.before !== null ? ` (step ${number(answer.before)})` : "";
    const more = element("button", {
      type: "button",
      className: "more",
      textContent: whole ? "fewer" : `all ${items.length}`,
      onclick: () => {
        if (whole) this.wide.delete(name);
        else this.wide.add(name);
        this.loader.redraw();
      },
    });
    const section = element(
      "section",
      { className: "sample-list" },
      element(
        "h4",
        {},
        words.title,
        element("small", { textContent: ` ${words.meaning}${since}` }),
        items.length > FEW ? more : null,
      ),
      ...(items.length
        ? items
            .slice(0, whole ? undefined : FEW)
            .map((item) =>
              sampleRow(this.store, answer.run, item, at, name === "moved", (sample) =>
                this.open(answer.run, sample, item.picture),
              ),
            )
        : [element("p", { className: "soft", textContent: words.none })]),
    );
    section.dataset["list"] = name;
    return section;
  }

  private welcome(): void {
    const { store } = this;
    const probe = store.map?.probe ?? "";
    const events = store.shown.flatMap((name) => eventsOn(store.run(name), probe).map((event) => ({ name, event })));
    const kinds = [...new Set(events.map(({ event }) => event.name))].sort((a, b) => gravity(a) - gravity(b));
    this.head.replaceChildren(
      element(
        "p",
        { className: "invite" },
        element("b", { textContent: "Click a point" }),
        " of the map or of a curve: the samples that moved, were forgotten, or are wrong with confidence at that step.",
      ),
    );
    this.body.replaceChildren(
      element("h4", { textContent: "What happened" }),
      ...(events.length
        ? []
        : [element("p", { className: "soft", textContent: "No events so far in the runs that are shown." })]),
      ...kinds.flatMap((kind) =>
        this.happened(
          kind,
          events.filter(({ event }) => event.name === kind),
        ),
      ),
    );
  }

  private happened(kind: string, events: Happened[]): HTMLElement[] {
    events.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }) || a.event.step - b.event.step);
    const rows = events.slice(0, MOST).map(({ name, event }) => {
      const row = element(
        "button",
        {
          type: "button",
          className: "event",
          title: event.message ?? headline(event),
          onclick: () => this.select(name, event.step),
        },
        element("span", { textContent: short(name, 60) }),
        element("span", {
          className: "soft",
          textContent: `since ${number(event.step)}${typeof event.detected_at === "number" ? `, known at ${number(event.detected_at)}` : ""}`,
        }),
      );
      row.style.borderLeftColor = eventColour(kind);
      row.dataset["run"] = name;
      return row;
    });
    const more =
      events.length > MOST
        ? [element("p", { className: "soft", textContent: `and ${events.length - MOST} more: hide runs to see them` })]
        : [];
    return [element("h5", { textContent: `${kind.replaceAll("_", " ")} · ${events.length}` }), ...rows, ...more];
  }
}
