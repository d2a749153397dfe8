// The panels beside the map: a record, a whole run, two runs.
import type { Panel } from "./choice";
import { element } from "./element";
import { PairPanel } from "./pair_panel";
import { RecordPanel } from "./record_panel";
import { RunPanel } from "./run_panel";
import { SampleDetail } from "./sample_detail";
import type { Store } from "./store";
import type { Tip } from "./tip";

const TITLES: [Panel, string, string][] = [
  ["record", "At a record", "the samples behind one point of the map"],
  ["run", "Whole run", "all samples of one run, and likely label errors"],
  ["pair", "Two runs", "where two runs part"],
];

export class Side {
  readonly node: HTMLElement;
  readonly detail: SampleDetail;
  private tabs: [Panel, HTMLButtonElement, HTMLElement][];
  private scroll = element("div", { className: "side-body" });

  constructor(
    private store: Store,
    tip: Tip,
    select: (run: string, step: number) => void,
    back: () => void,
  ) {
    this.detail = new SampleDetail(store, () =>
      this.node.querySelector<HTMLElement>("[role=tab][aria-selected=true]")?.focus({ preventScroll: true }),
    );
    const open = (run: string, sample: number, picture: boolean) => this.detail.open(run, sample, picture);
    const panels: Record<Panel, HTMLElement> = {
      record: new RecordPanel(store, select, open, back).node,
      run: new RunPanel(store, tip, open).node,
      pair: new PairPanel(store, tip, open).node,
    };
    this.tabs = TITLES.map(([panel, title, meaning]) => {
      const tab = element("button", {
        type: "button",
        role: "tab",
        id: `infogeo-tab-${panel}`,
        textContent: title,
        title: meaning,
        "aria-controls": `infogeo-panel-${panel}`,
        onclick: () => store.choose({ panel }),
      });
      const node = panels[panel];
      node.id = `infogeo-panel-${panel}`;
      node.setAttribute("role", "tabpanel");
      node.setAttribute("aria-labelledby", tab.id);
      return [panel, tab, node];
    });
    const list = element(
      "div",
      { className: "tabs", role: "tablist", onkeydown: (event: KeyboardEvent) => this.walk(event) },
      ...this.tabs.map(([, tab]) => tab),
    );
    this.scroll.append(...this.tabs.map(([, , node]) => node));
    this.node = element("aside", { className: "side" }, list, this.detail.node, this.scroll);
    store.watch(["choice", "data"], () => this.update());
  }

  private update(): void {
    const { panel } = this.store.choice;
    for (const [own, tab, node] of this.tabs) {
      tab.setAttribute("aria-selected", String(own === panel));
      tab.tabIndex = own === panel ? 0 : -1;
      node.hidden = own !== panel;
    }
    this.detail.refresh();
  }

  private walk(event: KeyboardEvent): void {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (way === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const at = this.tabs.findIndex(([panel]) => panel === this.store.choice.panel);
    const [panel, tab] = this.tabs[(at + way + this.tabs.length) % this.tabs.length]!;
    this.store.choose({ panel });
    tab.focus();
  }
}
