// The page: where everything stands, and what the keyboard does.
import { Caption } from "./caption";
import { fresh } from "./choice";
import { CurveView } from "./curve_view";
import { chooser, element, fill } from "./element";
import { MapView } from "./map_view";
import { Notice } from "./notice";
import { RunFilter } from "./run_filter";
import { RunList } from "./run_list";
import { Side } from "./side";
import type { Store } from "./store";
import { TimeBar } from "./time_bar";
import { Tip } from "./tip";

export class Page {
  readonly node: HTMLElement;
  readonly map: MapView;
  readonly curves: CurveView;
  private side: Side;
  private time: TimeBar;
  private maps: HTMLSelectElement;
  private flat: HTMLButtonElement;
  private deep: HTMLButtonElement;

  constructor(
    private store: Store,
    private refresh: () => void,
  ) {
    const tip = new Tip();
    const select = (run: string, step: number) => this.select(run, step);
    this.map = new MapView(store, tip, select);
    this.curves = new CurveView(store, tip, select);
    this.time = new TimeBar(store);
    this.side = new Side(store, tip, select);
    const [caption, notice] = [new Caption(store), new Notice(store)];
    this.maps = chooser("map", [], "", (map) => this.go(map));
    const button = (text: string, title: string, onclick: () => void) =>
      element("button", { type: "button", textContent: text, title, onclick });
    this.deep = button("3-D", "all three axes; drag to rotate", () => store.choose({ flat: false }));
    this.flat = button("2-D", "the first two axes; drag to move", () => store.choose({ flat: true }));
    const home = button("reset view", "as at the beginning (or double-click the map)", () =>
      store.choose({ camera: fresh().camera }, "camera"),
    );
    const help = button("?", "what the map shows", () => store.choose({ hint: !store.choice.hint }));
    const runs = element(
      "div",
      { className: "left" },
      new RunFilter(store).node,
      new RunList(store, (map) => this.go(map)).node,
    );
    const middle = element(
      "main",
      { className: "middle" },
      caption.hint,
      element(
        "div",
        { className: "map" },
        this.map.surface.canvas,
        element("div", { className: "corner" }, this.deep, this.flat, home, help),
        caption.kinds,
      ),
      caption.line,
      this.time.node,
      element("div", { className: "curves" }, this.curves.surface.canvas),
    );
    const body = element("div", { className: "body" }, runs, middle, this.side.node);
    const head = element(
      "header",
      {},
      element("h1", { textContent: "Map of predictions" }),
      element("label", {}, "of ", this.maps),
    );
    this.node = element("div", { className: "infogeo" }, head, notice.line, notice.whole, body, tip.node);
    store.watch(["data", "choice", "status"], () => {
      body.hidden = head.hidden = store.records === null;
      head.hidden = !store.state?.maps.length;
      this.update();
    });
    // After all that is drawn, so that it is what the pointer now rests on.
    store.watch(["data", "choice", "time", "camera", "size"], () => tip.update());
    notice.update();
    body.hidden = head.hidden = true;
    document.addEventListener("keydown", (event) => this.key(event));
  }

  private update(): void {
    const { store } = this;
    const options = (store.state?.maps ?? []).map((map): [string, string] => {
      const trained = map.trained ? ", trained on" : "";
      return [map.key, `${map.title}${trained} · ${map.runs.length} run${map.runs.length === 1 ? "" : "s"}`];
    });
    fill(this.maps, options, store.choice.map ?? "");
    this.flat.setAttribute("aria-pressed", String(store.choice.flat));
    this.deep.setAttribute("aria-pressed", String(!store.choice.flat));
  }

  /** Shows another map. */
  private go(map: string): void {
    this.side.detail.close();
    this.store.records = null;
    this.store.choose({ map, selected: null, sample: null, pair: null, marked: [] });
    this.store.tell("data");
    this.refresh();
  }

  /** Shows the samples at a record, with its run highlighted. */
  select(run: string, step: number): void {
    const { store } = this;
    const hidden = store.choice.hidden.filter((name) => name !== run);
    store.choose({ selected: { run, step }, marked: [run], hidden, panel: "record" });
    // On a phone the samples stand below what was clicked.
    if (window.matchMedia("(max-width: 720px)").matches) this.side.node.scrollIntoView({ block: "start" });
  }

  private key(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (event.key === "Escape") {
      this.back();
    } else if (target.matches("input, select, textarea, [role=tab]")) {
      return; // these have a use for arrows of their own
    } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      this.time.step(event.key === "ArrowLeft" ? -1 : 1);
      event.preventDefault();
    } else if (event.key === "Home" || event.key === "End") {
      this.time.seek(event.key === "Home" ? 0 : 1);
      event.preventDefault();
    }
  }

  // One thing after the other: the sample, the record, what is highlighted.
  private back(): void {
    const { choice } = this.store;
    this.time.play(false);
    if (this.side.detail.close()) return;
    if (choice.selected) this.store.choose({ selected: null, marked: [] });
    else if (choice.marked.length) this.store.choose({ marked: [] });
  }
}
