// What is known and what is chosen; every view draws from here, so nothing can be shown in one and hidden in another.
import type { MapState, RunState, State } from "./answers";
import { remember, remembered, type Choice } from "./choice";
import { identity, keysOf, passes, placed, valueOf, type Key } from "./hyperparameters";
import { INK, INKS, LINES, lookOf, SHADES, shade, type Inks, type Look } from "./palette";
import { countUntil, type Records } from "./records";
import { spread, unspread } from "./scale";
import { matches } from "./search";
import { VERDICT_COLOURS, verdictOn } from "./verdicts";

export type Topic = "data" | "choice" | "time" | "camera" | "hover" | "theme" | "status" | "size";
type View = (topics: ReadonlySet<Topic>) => void;

export class Store {
  state: State | null = null;
  records: Records | null = null;
  choice: Choice = remembered();
  hovered: { run: string; record: number | null } | null = null;
  trouble: string | null = null; // why there is nothing new, in words
  loading = true;
  inks: Inks = INKS.light;
  private views: [View, ReadonlySet<Topic>][] = [];
  private pending = new Set<Topic>();
  private cached: { looks?: Map<string, Look>; shown?: string[] } = {};
  private known: Key[] | null = null; // until there are other data
  private faults = new Map<View, string>();

  /** Calls a view, at most once a frame, when something of these topics has changed. */
  watch(topics: Topic[], view: View): void {
    this.views.push([view, new Set(topics)]);
  }

  tell(...topics: Topic[]): void {
    if (!this.pending.size) requestAnimationFrame(() => this.flush());
    for (const topic of topics) this.pending.add(topic);
    if (topics.some((topic) => topic === "data" || topic === "choice" || topic === "theme")) this.cached = {};
    if (topics.includes("data")) this.known = null;
  }

  private flush(): void {
    const topics = this.pending;
    this.pending = new Set();
    const fault = this.fault;
    for (const [view, own] of this.views) if ([...own].some((topic) => topics.has(topic))) this.draw(view, topics);
    if (this.fault !== fault) this.tell("status");
    if (topics.has("choice") || topics.has("time")) remember(this.choice);
  }

  // What fails in one view leaves the others as they are without it.
  private draw(view: View, topics: ReadonlySet<Topic>): void {
    try {
      view(topics);
      this.faults.delete(view);
    } catch (error) {
      this.faults.set(view, String(error));
      console.error(error);
    }
  }

  /** Why a part of the page could not be drawn, in words. */
  get fault(): string | null {
    const [first] = this.faults.values();
    return first === undefined ? null : `A part of this page could not be drawn: ${first}`;
  }

  choose(changes: Partial<Choice>, topic: Topic = "choice"): void {
    Object.assign(this.choice, changes);
    this.tell(topic);
  }

  hover(run: string | null, record: number | null = null): void {
    if (this.hovered?.run === (run ?? undefined) && (this.hovered?.record ?? null) === record) return;
    this.hovered = run === null ? null : { run, record };
    this.tell("hover");
  }

  get map(): MapState | null {
    const maps = this.state?.maps ?? [];
    return maps.find((map) => map.key === this.choice.map) ?? null;
  }

  run(name: string): RunState | undefined {
    return this.state?.runs.find((run) => run.name === name);
  }

  /** The runs of the map, in the order of their names. */
  get names(): string[] {
    return [...(this.records?.runs.keys() ?? [])];
  }

  get keys(): Key[] {
    const runs = this.names.map((name) => this.run(name)).filter((run) => run !== undefined);
    return (this.known ??= keysOf(runs));
  }

  /** Returns whether a run passes what is searched and filtered, hidden or not. */
  listed(name: string): boolean {
    const { query, filters } = this.choice;
    const run = this.run(name);
    return (
      (!query.trim() || matches(name, run, query.trim(), this.keys)) && filters.every((filter) => passes(run, filter))
    );
  }

  get shown(): string[] {
    const hidden = new Set(this.choice.hidden);
    return (this.cached.shown ??= this.names.filter((name) => !hidden.has(name) && this.listed(name)));
  }

  isShown(name: string): boolean {
    return this.shown.includes(name);
  }

  /** Returns whether a run recedes, because others are highlighted. */
  isFaint(name: string): boolean {
    if (this.hovered && this.isShown(this.hovered.run)) return this.hovered.run !== name;
    const marked = this.choice.marked.filter((one) => this.isShown(one));
    return marked.length > 0 && !marked.includes(name);
  }

  isMarked(name: string): boolean {
    return this.hovered?.run === name || this.choice.marked.includes(name);
  }

  look(name: string): Look {
    return (this.cached.looks ??= this.looks()).get(name) ?? lookOf(INK, 0);
  }

  private looks(): Map<string, Look> {
    const used = new Map<string, number>();
    const looks = new Map<string, Look>();
    this.names.forEach((name, place) => {
      const [colour, bucket] = this.colourOf(name, place);
      const turn = used.get(bucket) ?? 0;
      used.set(bucket, turn + 1);
      looks.set(name, lookOf(colour, turn));
    });
    return looks;
  }

  private colourOf(name: string, place: number): [colour: string, bucket: string] {
    const { colour } = this.choice;
    if (colour === ":verdict") {
      const { kind } = verdictOn(this.run(name), this.map?.probe ?? "");
      return [VERDICT_COLOURS[kind], kind];
    }
    if (colour === ":step") return [INK, ""];
    const key = this.keys.find((one) => one.name === colour);
    if (!key) return [LINES[place % LINES.length]!, String(place % LINES.length)];
    if (key.numbers) {
      const value = key.numbers.get(name);
      if (value === undefined) return [INK, "none"];
      return [shade(placed(key, value), this.inks.dark), String(value)];
    }
    const value = [...key.values.keys()].indexOf(identity(valueOf(this.run(name), colour)));
    return [LINES[value % LINES.length]!, String(value % LINES.length)];
  }

  /** Returns the colour of one record where colour shows time, else null. */
  get shades(): ((record: number) => number) | null {
    if (this.choice.colour !== ":step" || !this.records) return null;
    const { clock, low, high } = this.clock;
    return (record) => Math.round(spread(clock[record]!, low, high, this.choice.logX) * (SHADES - 1));
  }

  /** The clock by which time is told, with its range over the runs of the map. */
  get clock(): { clock: Float64Array; low: number; high: number } {
    const clocks = this.records?.clocks;
    const clock = clocks?.get(this.choice.clock) ?? clocks?.get("step") ?? new Float64Array();
    let [low, high] = [Infinity, -Infinity];
    for (const value of clock) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    return Number.isFinite(low) ? { clock, low, high: high > low ? high : low + 1 } : { clock, low: 0, high: 1 };
  }

  /** What the clock reads at the chosen time. */
  get reading(): number {
    const { low, high } = this.clock;
    return this.choice.time >= 1 ? high : unspread(this.choice.time, low, high, this.choice.logX);
  }

  setReading(reading: number): void {
    const { low, high } = this.clock;
    this.choose({ time: Math.min(Math.max(spread(reading, low, high, this.choice.logX), 0), 1) }, "time");
  }

  /** Returns the records of a run up to the chosen time. */
  past(name: string): number[] {
    const run = this.records?.runs.get(name);
    if (!run) return [];
    if (this.choice.time >= 1) return run.records;
    return run.records.slice(0, countUntil(run, this.clock.clock, this.reading + 1e-9 * Math.abs(this.reading)));
  }
}
