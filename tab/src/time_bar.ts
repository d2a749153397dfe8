// The slider over training, its play button, and the clock it runs on.
import { CLOCKS, type Clock } from "./choice";
import { chooser, element, fill } from "./element";
import { countUntil } from "./records";
import type { Store } from "./store";
import { number, ordered, quantity } from "./words";

const PLAYED = 8; // seconds from the first record to the last
const CLOCK_NAMES: Record<Clock, string> = { step: "step", progress: "progress", wall: "time" };

export class TimeBar {
  readonly node: HTMLElement;
  private playing = false;
  private before = 0;
  private button = element("button", { type: "button", className: "play", onclick: () => this.play(!this.playing) });
  private slider = element("input", { type: "range", min: "0", max: "1000", step: "1", "aria-label": "time" });
  private said = element("output", {});
  private quantities: HTMLSelectElement;
  private clocks: HTMLSelectElement;
  private logX: HTMLInputElement;
  private logY: HTMLInputElement;

  constructor(private store: Store) {
    this.slider.addEventListener("input", () => this.seek(Number(this.slider.value) / 1000));
    this.quantities = chooser("curve of", [], "", (name) =>
      store.choose({ quantity: name, logY: quantity(name).log ?? false }),
    );
    this.clocks = chooser("clock", [], "", (name) =>
      store.choose({ clock: name as Clock, time: 1, logX: name !== "progress" }),
    );
    this.logX = element("input", { type: "checkbox", onchange: () => this.logTime(this.logX.checked) });
    this.logY = element("input", { type: "checkbox", onchange: () => store.choose({ logY: this.logY.checked }) });
    this.node = element(
      "div",
      { className: "time" },
      element("span", { className: "slider" }, this.button, this.slider, this.said),
      element(
        "span",
        { className: "row" },
        element("label", {}, "curve ", this.quantities),
        element("label", {}, "over ", this.clocks),
        element("label", {}, this.logX, "log time"),
        element("label", {}, this.logY, "log values"),
      ),
    );
    store.watch(["data", "choice", "time"], () => this.update());
  }

  /** Goes to a share of the time. */
  seek(time: number): void {
    this.play(false);
    this.store.choose({ time: Math.min(Math.max(time, 0), 1) }, "time");
  }

  play(on: boolean): void {
    this.playing = on && this.store.records !== null;
    if (this.playing) {
      if (this.store.choice.time >= 1) this.store.choose({ time: 0 }, "time");
      this.before = performance.now();
      requestAnimationFrame((now) => this.tick(now));
    }
    this.update();
  }

  private tick(now: number): void {
    if (!this.playing) return;
    // A stalled page goes on where it was rather than leaping.
    const passed = Math.min(Math.max(now - this.before, 0), 100) / 1000;
    this.before = now;
    const time = Math.min(this.store.choice.time + passed / PLAYED, 1);
    this.store.choose({ time }, "time");
    if (time >= 1) this.play(false);
    else requestAnimationFrame((next) => this.tick(next));
  }

  /** Goes to the next record, or the one before, of the highlighted runs, else of all that are shown. */
  step(way: 1 | -1): void {
    const { store } = this;
    const marked = store.choice.marked.filter((name) => store.isShown(name));
    const names =
      store.choice.selected && store.isShown(store.choice.selected.run)
        ? [store.choice.selected.run]
        : marked.length
          ? marked
          : store.shown;
    const { clock } = store.clock;
    const reading = store.reading;
    const slack = 1e-9 * Math.max(Math.abs(reading), 1e-3);
    let next: number | null = null;
    for (const name of names) {
      const run = store.records?.runs.get(name);
      if (!run) continue;
      let place = countUntil(run, clock, way > 0 ? reading + slack : reading - slack) - (way > 0 ? 0 : 1);
      while (place >= 0 && way < 0 && clock[run.records[place]!]! >= reading - slack) place--;
      const record = run.records[place];
      if (record === undefined) continue;
      const at = clock[record]!;
      if (next === null || (way > 0 ? at < next : at > next)) next = at;
    }
    this.play(false);
    if (next !== null) store.setReading(next);
  }

  private logTime(log: boolean): void {
    const { reading } = this.store;
    const end = this.store.choice.time >= 1;
    this.store.choose({ logX: log });
    if (!end) this.store.setReading(reading);
  }

  private update(): void {
    const { store } = this;
    const { choice } = store;
    this.button.textContent = this.playing ? "❚❚ pause" : "▶ play";
    const clocks = CLOCKS.filter((clock) => store.records?.clocks.has(clock) ?? clock === "step");
    fill(
      this.clocks,
      clocks.map((clock) => [clock, CLOCK_NAMES[clock]]),
      clocks.includes(choice.clock) ? choice.clock : "step",
    );
    const curves = store.records?.answer.curves ?? {};
    const names = ordered(Object.keys(curves).filter((name) => curves[name]!.some((value) => value !== null)));
    if (names.length && !names.includes(choice.quantity)) {
      choice.quantity = names[0]!;
      choice.logY = quantity(choice.quantity).log ?? false;
    }
    fill(
      this.quantities,
      names.map((name) => [name, quantity(name).title]),
      choice.quantity,
    );
    this.quantities.title = quantity(choice.quantity).meaning;
    this.logX.checked = choice.logX;
    this.logY.checked = choice.logY;
    this.slider.value = String(Math.round(choice.time * 1000));
    this.slider.disabled = this.button.disabled = !store.records;
    const reading =
      choice.clock === "step" ? number(Math.round(store.reading)) : number(Number(store.reading.toPrecision(3)));
    const text = `${{ step: "step", progress: "progress", wall: "minute" }[choice.clock]} ${reading}`;
    this.said.textContent = text;
    this.slider.setAttribute("aria-valuetext", text);
  }
}
