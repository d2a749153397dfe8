// What is said where there is no map to show, and a line above it where the data may be old.
import { element } from "./element";
import type { Store } from "./store";

const EXAMPLE = "trainer = Trainer(callbacks=[InfoGeometryMonitor()], logger=TensorBoardLogger(…))";

export class Notice {
  readonly whole = element("div", { className: "notice", role: "status" });
  readonly line = element("div", { className: "trouble", role: "alert", hidden: true });

  constructor(private store: Store) {
    store.watch(["data", "choice", "status"], () => this.update());
  }

  update(): void {
    const { store } = this;
    const { state, records, trouble } = store;
    const problem = store.fault ?? state?.problem ?? null;
    this.line.hidden = !(records && (trouble || problem));
    this.line.textContent = trouble ?? problem ?? "";
    this.whole.hidden = records !== null;
    if (records) return;
    const said = (title: string, ...words: (Node | string)[]) =>
      this.whole.replaceChildren(element("h2", { textContent: title }), element("p", {}, ...words));
    if (trouble) said("No map yet", trouble);
    else if (problem) said("This cannot be shown", problem);
    else if (store.loading || !state) said("Loading …", "The log directory is being read.");
    else if (!state.maps.length && state.runs.length)
      said(
        "No map yet",
        "There are runs, but none has written predictions yet. They appear with the first record; nothing has to be reloaded.",
      );
    else if (!state.maps.length) {
      said(
        "No predictions in this log directory",
        "Runs appear here while they train with the callback of lightning-infogeo and the TensorBoard logger:",
        element("code", { textContent: EXAMPLE }),
        "Directories written by versions before this tab hold no predictions; their curves are on the tab Time Series.",
      );
    } else
      said(
        "Loading …",
        "The map is being laid out. The first time this takes some seconds where there are many records.",
      );
  }
}
