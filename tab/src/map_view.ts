// The map: what the reader does with it.
import { turned, zoomed } from "./camera";
import { paintMap, type Painted } from "./map_painter";
import { nearest } from "./records";
import type { Store } from "./store";
import { Surface } from "./surface";
import type { Tip } from "./tip";

const LABEL =
  "Map of predictions. Left and right arrows: time. With shift, arrows rotate. Plus and minus zoom. " +
  "N and P: next and previous run. Enter: samples of the latest record of the highlighted run. Escape: back.";
const REACH = 14; // pixels within which a record is meant

export class MapView {
  readonly surface: Surface;
  painted: Painted | null = null;
  private fingers = new Map<number, [number, number]>();
  private dragged = 0;

  constructor(
    private store: Store,
    private tip: Tip,
    private select: (run: string, step: number) => void,
  ) {
    this.surface = new Surface(LABEL, () => store.tell("size"));
    store.watch(["data", "choice", "time", "camera", "hover", "theme", "size"], () => this.paint());
    const { canvas } = this.surface;
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.drag(event));
    tip.follow(
      canvas,
      (event) => this.look(event),
      () => this.point(null),
    );
    for (const kind of ["pointerup", "pointercancel"] as const)
      canvas.addEventListener(kind, (event) => this.release(event));
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("dblclick", () =>
      store.choose({ camera: { ...store.choice.camera, zoom: 1, x: 0, y: 0 } }, "camera"),
    );
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  paint(): void {
    const pen = this.surface.begin();
    this.painted =
      pen && this.store.records ? paintMap(pen, this.store, this.surface.width, this.surface.height) : null;
  }

  /** Returns the record that is drawn nearest to a place on the map, if one is near. */
  private near(x: number, y: number): number | null {
    let [best, least] = [null as number | null, REACH ** 2];
    const marked = this.store.choice.marked;
    const { painted, store } = this;
    for (const record of painted?.records ?? []) {
      let away = (painted!.x[record]! - x) ** 2 + (painted!.y[record]! - y) ** 2;
      if (marked.length && !marked.includes(this.runOf(record))) away *= 3; // what recedes is meant less
      if (away < least || (away === least && store.hovered?.record === record)) [best, least] = [record, away];
    }
    return best;
  }

  private runOf(record: number): string {
    const { answer } = this.store.records!;
    return answer.runs[answer.member[record]!]!;
  }

  private point(record: number | null, event?: PointerEvent): void {
    if (record === null || !event) {
      this.store.hover(null);
      this.tip.hide();
      return;
    }
    this.store.hover(this.runOf(record), record);
    this.tip.record(this.store, record, event.clientX, event.clientY);
  }

  private press(event: PointerEvent): void {
    this.surface.canvas.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.fingers.size === 1) this.dragged = 0;
  }

  private look(event: PointerEvent): void {
    if (!this.fingers.size) this.point(this.near(...this.surface.place(event)), event);
  }

  private drag(event: PointerEvent): void {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const [dx, dy] = [event.clientX - before[0], event.clientY - before[1]];
    this.dragged += Math.abs(dx) + Math.abs(dy);
    if (this.dragged < 4) return;
    this.tip.hide();
    const { camera, flat } = this.store.choice;
    if (this.fingers.size > 1) {
      const other = [...this.fingers].find(([id]) => id !== event.pointerId)![1];
      const apart = (point: [number, number]) => Math.hypot(point[0] - other[0], point[1] - other[1]) || 1;
      this.store.choose({ camera: zoomed(camera, apart([event.clientX, event.clientY]) / apart(before)) }, "camera");
    } else if (flat || event.shiftKey || event.buttons === 4) {
      const { width, height } = this.surface;
      this.store.choose({ camera: { ...camera, x: camera.x + dx / width, y: camera.y + dy / height } }, "camera");
    } else {
      this.store.choose({ camera: turned(camera, dx / 150, dy / 150) }, "camera");
    }
    this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
  }

  private release(event: PointerEvent): void {
    const click = this.fingers.delete(event.pointerId) && event.type === "pointerup" && this.dragged < 4;
    if (!click) return;
    const record = this.near(...this.surface.place(event));
    this.tip.hide();
    if (record !== null) this.select(this.runOf(record), this.store.records!.answer.steps[record]!);
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    this.store.choose({ camera: zoomed(this.store.choice.camera, Math.exp((-lines * event.deltaY) / 600)) }, "camera");
  }

  private key(event: KeyboardEvent): void {
    const { camera } = this.store.choice;
    const turns: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const turn = turns[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (turn && event.shiftKey) {
      this.store.choose({ camera: turned(camera, 0.1 * turn[0], 0.1 * turn[1]) }, "camera");
    } else if (event.key === "+" || event.key === "=" || event.key === "-") {
      this.store.choose({ camera: zoomed(camera, event.key === "-" ? 0.8 : 1.25) }, "camera");
    } else if (event.key === "n" || event.key === "p") {
      this.other(event.key === "n" ? 1 : -1);
    } else if (event.key === "Enter") {
      this.choose();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  private other(way: number): void {
    const { shown, choice } = this.store;
    if (!shown.length) return;
    const at = shown.indexOf(choice.marked[0] ?? "");
    const next = shown[at < 0 ? (way > 0 ? 0 : shown.length - 1) : (at + way + shown.length) % shown.length]!;
    this.store.choose({ marked: [next] });
  }

  private choose(): void {
    const name = this.store.choice.marked.find((one) => this.store.isShown(one)) ?? this.store.shown[0];
    const run = name === undefined ? undefined : this.store.records?.runs.get(name);
    const past = name === undefined ? [] : this.store.past(name);
    if (run && past.length) this.select(run.name, this.store.records!.answer.steps[past[past.length - 1]!]!);
  }

  /** Returns where on the screen a record is drawn, or null. */
  where(run: string, step: number): [number, number] | null {
    const own = this.store.records?.runs.get(run);
    if (!own?.records.length || !this.painted?.runs.includes(run)) return null;
    const record = own.records[nearest(own, step)]!;
    const box = this.surface.canvas.getBoundingClientRect();
    return [box.left + this.painted.x[record]!, box.top + this.painted.y[record]!];
  }
}
