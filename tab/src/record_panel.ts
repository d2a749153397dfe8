// What happens to samples at a record; before one is chosen, what happened in the runs.
import type { Item, SamplesAnswer } from "./answers";
import { element } from "./element";
import { Happenings, toldAt } from "./happenings";
import { Loader } from "./loader";
import { nearest } from "./records";
import { moreButton, sampleRow } from "./sample_row";
import type { Store, Topic } from "./store";
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
const PAUSE = 200; // ms
const MOST = 100; // that the server gives of a list
export class RecordPanel {
  readonly node = element("div", { className: "record-panel" });
  private head = element("div", { className: "record-head" });
  private body = element("div", {});
  private loader: Loader<SamplesAnswer>;
  private happenings: Happenings;
  private wide = new Set<string>(); // lists that are shown whole
  private run = "";

  constructor(
    private store: Store,
    private select: (run: string, step: number) => void,
    private open: (run: string, sample: number, picture: boolean) => void,
    private back: () => void,
  ) {
    this.loader = new Loader("samples", this.body, (answer) => this.draw(answer), true);
    this.happenings = new Happenings(store, select);
    this.node.append(this.head, this.body);
    store.watch(["data", "choice", "record", "theme"], (topics) => this.update(topics));
  }

  private update(topics: ReadonlySet<Topic>): void {
    const { store } = this;
    const { selected } = store.choice;
    const run = selected ? store.records?.runs.get(selected.run) : undefined;
    if (!selected || !run?.records.length || !store.isShown(selected.run)) {
      this.loader.clear();
      this.happenings.fill(this.head, this.body);
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
          onclick: () => this.back(),
        }),
      ),
      element("div", {
        className: "soft",
        textContent: values
          .map((name) => `${quantity(name).title.replace(/ \[.*/, "")} ${number(curves[name]![record])}`)
          .join(" · "),
      }),
      ...toldAt(store, run, place),
    );
    if (within) this.head.querySelector<HTMLElement>(`[aria-label="${focused}"]`)?.focus();
    if (this.run !== run.name) this.loader.clear();
    this.run = run.name;
    // While time runs on, what it passes in a moment is not asked for.
    const moment = topics.has("record") && this.loader.answer ? PAUSE : 0;
    const wanted = { map: map.key, run: run.name, step: run.steps[place]!, ...(this.wide.size ? { top: MOST } : {}) };
    this.loader.load(wanted, map.revision, moment);
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
    const total = answer.totals?.[name] ?? items.length;
    const rows = items.slice(0, whole ? undefined : FEW);
    const more = moreButton(whole, () => {
      if (whole) this.wide.delete(name);
      else this.wide.add(name);
      this.loader.redraw();
      this.update(new Set());
    });
    const section = element(
      "section",
      { className: "sample-list" },
      element(
        "h4",
        {},
        total > FEW ? more : null,
        words.title,
        element("small", {
          className: "count",
          textContent: total > rows.length ? ` ${rows.length} of ${total} ` : ` ${total} `,
        }),
        element("small", { textContent: ` ${words.meaning}${since}` }),
      ),
      ...(items.length
        ? rows.map((item) =>
            sampleRow(this.store, answer.run, item, at, name, (sample) => this.open(answer.run, sample, item.picture)),
          )
        : [element("p", { className: "soft", textContent: words.none })]),
    );
    section.dataset["list"] = name;
    return section;
  }
}
