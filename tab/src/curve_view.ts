// The curves below the map, on the clock of the time slider.
import { fillMarker, Lettering, Marks } from "./marks";
import { eventColour } from "./palette";
import { paintAxes, rangeOf, type Plot } from "./plot";
import { nearest } from "./records";
import { unspread } from "./scale";
import type { Store } from "./store";
import { Surface } from "./surface";
import type { Tip } from "./tip";
import { eventsOn } from "./verdicts";
import { quantity, short } from "./words";

const LABEL = "Curves of the runs. Left and right arrows: time. A click on a curve: its samples; a drag: time.";
export const CLOCK_TITLES = {
  step: "optimizer step",
  progress: "progress reached (0 ignorance, 1 truth)",
  wall: "minutes since the first record",
};
const REACH = 12;

export class CurveView {
  readonly surface: Surface;
  runs: string[] = []; // drawn last
  private plot: Plot | null = null;
  private scrubbing = false;

  constructor(
    private store: Store,
    private tip: Tip,
    private select: (run: string, step: number) => void,
  ) {
    this.surface = new Surface(LABEL, () => store.tell("size"));
    store.watch(["data", "choice", "time", "hover", "theme", "size"], () => this.paint());
    const { canvas } = this.surface;
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.scrubbing && this.scrub(event));
    tip.follow(
      canvas,
      (event) => this.look(event),
      () => this.leave(),
    );
    canvas.addEventListener("pointerup", () => (this.scrubbing = false));
    canvas.addEventListener("pointercancel", () => (this.scrubbing = false));
  }

  paint(): void {
    const pen = this.surface.begin();
    this.plot = null;
    this.runs = [];
    const { store } = this;
    if (!pen || !store.records) return;
    const { shown, inks } = store;
    const values = store.records.answer.curves[store.choice.quantity] ?? [];
    const { clock, low, high } = store.clock;
    const log = store.choice.logY;
    const all = shown.flatMap((name) => store.records!.runs.get(name)!.records.map((record) => values[record]));
    const [bottom, top] = rangeOf(all, log);
    const title = quantity(store.choice.quantity).title;
    const plot = paintAxes(
      pen,
      inks,
      [this.surface.width, this.surface.height],
      { low, high, log: store.choice.logX, title: CLOCK_TITLES[store.choice.clock] },
      { low: bottom, high: top, log, title },
    );
    this.plot = plot;
    const points = (records: number[]) =>
      records
        .filter((record) => Number.isFinite(values[record] ?? NaN) && (!log || values[record]! > 0))
        .map((record) => [plot.x(clock[record]!), plot.y(values[record]!)] as const);
    const order = [...shown].sort((a, b) => Number(store.isFaint(b)) - Number(store.isFaint(a)));
    const lettering = new Lettering(pen, inks, this.surface.width);
    pen.lineJoin = "round";
    for (const name of order) {
      const [look, faint, marked] = [store.look(name), store.isFaint(name), store.isMarked(name)];
      const { records } = store.records.runs.get(name)!;
      const past = store.past(name).length;
      pen.strokeStyle = pen.fillStyle = look.colour;
      pen.lineWidth = marked ? 3 : 1.5;
      pen.setLineDash(look.dash);
      for (const [part, alpha] of [
        [records.slice(Math.max(past - 1, 0)), 0.25],
        [records.slice(0, past), 1],
      ] as const) {
        pen.globalAlpha = faint ? 0.12 : alpha;
        pen.beginPath();
        for (const [x, y] of points([...part])) pen.lineTo(x, y);
        pen.stroke();
      }
      const end = points(records.slice(0, past)).at(-1);
      if (end) fillMarker(pen, look.marker, ...end, marked ? 4.5 : 3);
      this.runs.push(name);
    }
    pen.setLineDash([]);
    pen.globalAlpha = 1;
    const marks = new Marks(pen, inks.card);
    for (const name of order) if (!store.isFaint(name)) this.markEvents(marks, name, values, clock, plot);
    marks.draw();
    this.paintNow(pen, plot);
    for (const name of [...order].reverse()) {
      const end = points(store.past(name)).at(-1);
      if (end && store.isMarked(name))
        lettering.beside(short(name, 32), end[0], Math.max(end[1] - 13, plot.top), inks.ink);
    }
  }

  private markEvents(marks: Marks, name: string, values: (number | null)[], clock: Float64Array, plot: Plot): void {
    const { store } = this;
    const run = store.records!.runs.get(name)!;
    const past = store.past(name).length;
    const at = (place: number): [number, number] | null => {
      const value = values[run.records[place]!];
      return typeof value === "number" ? [plot.x(clock[run.records[place]!]!), plot.y(value)] : null;
    };
    for (const event of eventsOn(store.run(name), store.map?.probe ?? "")) {
      if (store.choice.events.includes(event.name)) continue;
      const [began, found] = [
        nearest(run, event.step),
        typeof event.detected_at === "number" ? nearest(run, event.detected_at) : -1,
      ];
      const [from, to] = [at(began), found < 0 ? null : at(found)];
      const colour = eventColour(event.name);
      if (to && found < past) marks.known(...to, 4.5, colour);
      if (from && began < past) marks.since(...from, 4, colour);
    }
  }

  private paintNow(pen: CanvasRenderingContext2D, plot: Plot): void {
    const { store } = this;
    const x = plot.x(store.reading);
    pen.strokeStyle = store.inks.ink;
    pen.lineWidth = 1.5;
    pen.setLineDash([3, 3]);
    pen.beginPath();
    pen.moveTo(x, plot.top - 4);
    pen.lineTo(x, plot.bottom);
    pen.stroke();
    pen.setLineDash([]);
    const values = store.records!.answer.curves[store.choice.quantity] ?? [];
    const { selected } = store.choice;
    const run = selected && store.isShown(selected.run) ? store.records!.runs.get(selected.run) : undefined;
    const chosen = run?.records.length ? run.records[nearest(run, selected!.step)]! : null;
    const hovered = store.hovered && store.isShown(store.hovered.run) ? store.hovered.record : null;
    for (const [record, r] of [
      [chosen, 8],
      [hovered, 6],
    ] as const) {
      const value = record === null ? null : values[record];
      if (record === null || typeof value !== "number") continue;
      pen.strokeStyle = store.inks.ink;
      pen.lineWidth = 2;
      pen.beginPath();
      pen.arc(plot.x(store.clock.clock[record]!), plot.y(value), r, 0, 2 * Math.PI);
      pen.stroke();
    }
  }

  private near(x: number, y: number): number | null {
    const { store, plot } = this;
    if (!plot || !store.records) return null;
    const values = store.records.answer.curves[store.choice.quantity] ?? [];
    const { clock } = store.clock;
    let [best, least] = [null as number | null, REACH ** 2];
    for (const name of this.runs) {
      for (const record of store.past(name)) {
        const value = values[record];
        if (typeof value !== "number") continue;
        let away = (plot.x(clock[record]!) - x) ** 2 + (plot.y(value) - y) ** 2;
        if (store.choice.marked.length && !store.choice.marked.includes(name)) away *= 3; // what recedes is meant less
        if (away < least) [best, least] = [record, away];
      }
    }
    return best;
  }

  private press(event: PointerEvent): void {
    const record = this.near(...this.surface.place(event));
    this.tip.hide();
    if (record !== null) {
      const { answer } = this.store.records!;
      this.select(answer.runs[answer.member[record]!]!, answer.steps[record]!);
      return;
    }
    this.surface.canvas.setPointerCapture(event.pointerId);
    this.scrubbing = true;
    this.scrub(event);
  }

  private scrub(event: PointerEvent): void {
    if (!this.plot) return;
    const { low, high } = this.store.clock;
    const share = (this.surface.place(event)[0] - this.plot.left) / (this.plot.right - this.plot.left);
    this.store.setReading(unspread(Math.min(Math.max(share, 0), 1), low, high, this.store.choice.logX));
  }

  private look(event: PointerEvent): void {
    if (this.scrubbing) return;
    const record = this.near(...this.surface.place(event));
    if (record === null) return this.leave();
    const { answer } = this.store.records!;
    this.store.hover(answer.runs[answer.member[record]!]!, record);
    this.tip.record(this.store, record, event.clientX, event.clientY);
  }

  private leave(): void {
    this.store.hover(null);
    this.tip.hide();
  }
}
