// Draws the map of predictions.
import type { Point } from "./answers";
import { projection, type Projection } from "./camera";
import { addMarker, fillMarker, FONT, Lettering, Marks, star } from "./marks";
import { inkOf, shapeOf } from "./event_look";
import { shade, SHADES } from "./palette";
import { nearest, type Records } from "./records";
import type { Store } from "./store";
import { eventsOn } from "./verdicts";
import { short } from "./words";

/** What was drawn, and where: what can be pointed at. */
export interface Painted {
  runs: string[];
  records: number[];
  x: Float32Array;
  y: Float32Array;
}

/** How opaque runs are that recede; more on a dark ground, where they vanish sooner. */
export const faint = (dark: boolean): number => (dark ? 0.32 : 0.18);
const MANY = 1500; // records beyond which thin lines and plain dots keep the map fluent: ten times as fast as wider ones

export function paintMap(pen: CanvasRenderingContext2D, store: Store, width: number, height: number): Painted {
  const records = store.records!;
  const project = projection(store.choice.camera, records.frame, store.choice.flat, width, height);
  const painted = placed(store, records, project);
  const lettering = new Lettering(pen, store.inks, width, height);
  const names = paintAxes(pen, store, records, project);
  paintPath(pen, store, records, project);
  const order = painted.runs.map((name) => ({ name, receding: store.isFaint(name), past: store.past(name) }));
  order.sort((a, b) => Number(b.receding) - Number(a.receding));
  pen.lineJoin = "round";
  for (const run of order) paintRun(pen, store, run, painted);
  pen.globalAlpha = 1;
  pen.setLineDash([]);
  paintEvents(pen, store, order, painted);
  paintSelected(pen, store, records, painted);
  paintLandmarks(pen, store, records, project, lettering);
  for (const { text, left, y } of names)
    [0, 16, -16, 32].some((away) => lettering.write(text, left, y + away, store.inks.soft));
  paintNames(store, order, painted, lettering);
  return painted;
}

function placed(store: Store, records: Records, project: Projection): Painted {
  const { coordinates } = records.answer;
  const [x, y] = [new Float32Array(coordinates.length), new Float32Array(coordinates.length)];
  const drawn: number[] = [];
  for (const name of store.shown) {
    for (const record of store.past(name)) {
      const point = coordinates[record]!;
      [x[record], y[record]] = project(point[0], point[1], point[2]);
      drawn.push(record);
    }
  }
  return { runs: store.shown, records: drawn, x, y };
}

interface AxisName {
  text: string;
  left: number;
  y: number;
}

// Returns the names of the axes, which are written once it is known where truth and ignorance are.
function paintAxes(pen: CanvasRenderingContext2D, store: Store, records: Records, project: Projection): AxisName[] {
  const names: AxisName[] = [];
  const { low, high } = records.frame;
  const start = project(...low);
  pen.font = FONT;
  pen.textBaseline = "middle";
  for (let axis = 0; axis < (store.choice.flat ? 2 : 3); axis++) {
    const end: Point = [...low];
    end[axis] = high[axis]!;
    const [x, y] = project(...end);
    const timelike = records.answer.timelike[axis] ?? false;
    pen.strokeStyle = store.inks.line;
    pen.lineWidth = 1.5;
    pen.setLineDash(timelike ? [2, 4] : []);
    pen.beginPath();
    pen.moveTo(...start);
    pen.lineTo(x, y);
    pen.stroke();
    pen.setLineDash([]);
    const text = `axis ${axis + 1}${timelike ? " (time-like)" : ""}`;
    const long = pen.measureText(text).width;
    const left = Math.min(
      Math.max(x + (x >= start[0] ? 5 : -5 - long), 2),
      Math.max(store.choice.flat ? x : Infinity, 2),
    );
    names.push({ text, left, y: y + (store.choice.flat ? (axis === 1 ? -9 : 11) : 0) });
  }
  return names;
}

function paintPath(pen: CanvasRenderingContext2D, store: Store, records: Records, project: Projection): void {
  const { path } = records.answer;
  if (!path) return;
  pen.strokeStyle = store.inks.soft;
  pen.lineWidth = 1.3;
  pen.setLineDash([5, 5]);
  pen.beginPath();
  for (const point of path) pen.lineTo(...project(...point));
  pen.stroke();
  pen.setLineDash([]);
}

interface Ordered {
  name: string;
  receding: boolean;
  past: number[];
}

function paintRun(
  pen: CanvasRenderingContext2D,
  store: Store,
  { name, receding, past }: Ordered,
  { x, y, records }: Painted,
): void {
  if (!past.length) return;
  const look = store.look(name);
  const marked = store.isMarked(name);
  const last = past[past.length - 1]!;
  const alpha = receding ? faint(store.inks.dark) : 1;
  pen.globalAlpha = receding ? alpha : marked ? 1 : 0.85;
  pen.lineWidth = marked ? 3 : 1.5;
  pen.setLineDash(look.dash);
  pen.strokeStyle = pen.fillStyle = look.colour;
  const shades = store.shades;
  const many = records.length > MANY && !marked;
  const [size, head] = [marked ? 3 : 2, marked ? 6.5 : many ? 4 : 5];
  if (many) {
    pen.lineWidth = 1;
    pen.setLineDash([]);
    pen.globalAlpha = alpha;
  }
  if (shades) {
    paintShaded(pen, store, past, shades, x, y, size);
    pen.fillStyle = shade(shades(last) / (SHADES - 1), store.inks.dark);
  } else {
    pen.beginPath();
    for (const record of past) pen.lineTo(x[record]!, y[record]!);
    pen.stroke();
    if (!receding && many) {
      for (const record of past) pen.fillRect(Math.round(x[record]! - 1.5), Math.round(y[record]! - 1.5), 3, 3);
    } else if (!receding) {
      pen.beginPath();
      for (const record of past) addMarker(pen, look.marker, x[record]!, y[record]!, size);
      pen.fill();
    }
  }
  fillMarker(pen, look.marker, x[last]!, y[last]!, head);
}

// Lines and markers of one shade are drawn together: a stroke each would cost more than all else.
function paintShaded(
  pen: CanvasRenderingContext2D,
  store: Store,
  past: number[],
  shades: (record: number) => number,
  x: Float32Array,
  y: Float32Array,
  size: number,
): void {
  for (let i = 0; i < past.length;) {
    const level = shades(past[i]!);
    pen.strokeStyle = pen.fillStyle = shade(level / (SHADES - 1), store.inks.dark);
    pen.beginPath();
    const before = past[Math.max(i - 1, 0)]!;
    pen.moveTo(x[before]!, y[before]!);
    const first = i;
    for (; i < past.length && shades(past[i]!) === level; i++) pen.lineTo(x[past[i]!]!, y[past[i]!]!);
    pen.stroke();
    for (let j = first; j < i; j++)
      pen.fillRect(Math.round(x[past[j]!]! - size), Math.round(y[past[j]!]! - size), 2 * size, 2 * size);
  }
}

function paintEvents(pen: CanvasRenderingContext2D, store: Store, order: Ordered[], { x, y }: Painted): void {
  const marks = new Marks(pen, store.inks.card);
  for (const { name, receding, past } of order) {
    if (receding) continue;
    const [run, state] = [store.records!.runs.get(name)!, store.run(name)];
    for (const event of eventsOn(state, store.map?.probe ?? "")) {
      if (store.choice.events.includes(event.name)) continue;
      const [shape, colour] = [shapeOf(event.name), inkOf(event, state, store.inks)];
      const detected = typeof event.detected_at === "number" ? nearest(run, event.detected_at) : Infinity;
      const began = nearest(run, event.step);
      const place = (at: number): [number, number] => [x[run.records[at]!]!, y[run.records[at]!]!];
      if (detected < past.length) marks.known(...place(detected), 5, shape, colour);
      if (began < past.length) marks.since(...place(began), 4.5, shape, colour);
    }
  }
  marks.draw();
}

function paintSelected(pen: CanvasRenderingContext2D, store: Store, records: Records, { x, y, runs }: Painted): void {
  const ring = (record: number, r: number) => {
    pen.strokeStyle = store.inks.ink;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(x[record]!, y[record]!, r, 0, 2 * Math.PI);
    pen.stroke();
  };
  const { selected } = store.choice;
  const run = selected && runs.includes(selected.run) ? records.runs.get(selected.run) : undefined;
  if (selected && run?.records.length) {
    const place = nearest(run, selected.step);
    if (place < store.past(run.name).length) ring(run.records[place]!, 10);
  }
  if (store.hovered?.record != null && runs.includes(store.hovered.run)) ring(store.hovered.record, 7);
}

function paintLandmarks(
  pen: CanvasRenderingContext2D,
  store: Store,
  records: Records,
  project: Projection,
  lettering: Lettering,
): void {
  const { path, ignorance } = records.answer;
  const start = path?.[0] ?? ignorance;
  pen.fillStyle = store.inks.ink;
  if (start) {
    const [x, y] = project(...start);
    pen.fillRect(x - 4.5, y - 4.5, 9, 9);
    lettering.beside("ignorance", x, y, store.inks.ink, true);
  }
  if (path) {
    const [x, y] = project(...path[path.length - 1]!);
    pen.fillStyle = store.inks.ink;
    star(pen, x, y, 9);
    lettering.beside("truth", x, y, store.inks.ink, true);
  }
}

// All names where runs are few, else of those that are highlighted.
function paintNames(store: Store, order: Ordered[], { x, y }: Painted, lettering: Lettering): void {
  for (const { name, receding, past } of [...order].reverse()) {
    if (!past.length || receding || (order.length > 6 && !store.isMarked(name))) continue;
    const last = past[past.length - 1]!;
    lettering.beside(short(name, 32), x[last]!, y[last]!, store.inks.ink);
  }
}
