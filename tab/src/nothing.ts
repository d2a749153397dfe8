// What stands on the map where no run is shown: why, and the way back.
import { element } from "./element";
import type { Store } from "./store";

export class Nothing {
  readonly node = element("div", { className: "nothing", hidden: true, role: "status" });

  constructor(private store: Store) {
    store.watch(["data", "choice"], () => this.update());
  }

  private update(): void {
    const { store } = this;
    this.node.hidden = !store.names.length || store.shown.length > 0;
    if (this.node.hidden) return this.node.replaceChildren();
    const matching = store.names.filter((name) => store.listed(name)).length;
    const [words, said, changes] = matching
      ? ["All runs are hidden.", "show all", { hidden: [] }]
      : ["No run matches the search and the filters.", "clear both", { query: "", filters: [] }];
    this.node.replaceChildren(
      element("p", { textContent: words }),
      element("button", { type: "button", textContent: said, onclick: () => store.choose(changes) }),
    );
  }
}
