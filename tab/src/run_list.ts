// The list of runs: the legend of everything, and where runs are hidden and highlighted.
import { element } from "./element";
import { written } from "./hyperparameters";
import type { Look } from "./palette";
import { addMarker } from "./marks";
import type { Store } from "./store";
import { verdictOn } from "./verdicts";
import { counted, number, short } from "./words";

interface Row {
  node: HTMLElement;
  box: HTMLInputElement;
  swatch: HTMLCanvasElement;
  name: HTMLButtonElement;
  verdict: HTMLElement;
  stand: HTMLElement;
}

export class RunList {
  readonly node: HTMLElement;
  private rows = new Map<string, Row>();
  private list = element("ul", { className: "runs", "aria-label": "runs" });
  private count = element("span", { className: "soft" });

  private others = "";

  constructor(
    private store: Store,
    private go: (map: string) => void,
  ) {
    const all = element("button", {
      type: "button",
      textContent: "all",
      title: "show all runs",
      onclick: () => store.choose({ hidden: [] }),
    });
    const none = element("button", {
      type: "button",
      textContent: "none",
      title: "hide all runs that are listed",
      onclick: () => store.choose({ hidden: [...new Set([...store.choice.hidden, ...store.shown])] }),
    });
    this.node = element(
      "div",
      { className: "run-list" },
      element("div", { className: "row" }, this.count, all, none),
      this.list,
    );
    store.watch(["data", "choice", "theme"], () => this.update());
    store.watch(["hover"], () => this.mark());
  }

  private row(name: string): Row {
    const { store } = this;
    const box = element("input", {
      type: "checkbox",
      "aria-label": `show ${name}`,
      title: "shown everywhere",
      onchange: () => {
        const hidden = new Set(store.choice.hidden);
        if (box.checked) hidden.delete(name);
        else hidden.add(name);
        store.choose({ hidden: [...hidden] });
      },
    });
    const swatch = element("canvas", { className: "swatch", width: 48, height: 32, "aria-hidden": "true" });
    const label = element("button", {
      type: "button",
      className: "name",
      onclick: () => {
        const marked = store.choice.marked.includes(name);
        store.choose({
          marked: marked ? store.choice.marked.filter((one) => one !== name) : [...store.choice.marked, name],
        });
      },
    });
    const only = element("button", {
      type: "button",
      className: "only",
      textContent: "only",
      "aria-label": `show only ${name}`,
      title: "hide all others",
      onclick: () => store.choose({ hidden: store.names.filter((one) => one !== name) }),
    });
    const verdict = element("span", { className: "verdict" });
    const stand = element("span", { className: "soft stand" });
    const node = element(
      "li",
      { className: "run", onpointerenter: () => store.hover(name), onpointerleave: () => store.hover(null) },
      box,
      swatch,
      element("span", { className: "about" }, label, element("span", { className: "line" }, verdict, stand)),
      only,
    );
    node.dataset["run"] = name;
    return { node, box, swatch, name: label, verdict, stand };
  }

  private update(): void {
    const { store } = this;
    const names = store.names;
    for (const [name, row] of this.rows) if (!names.includes(name)) (this.rows.delete(name), row.node.remove());
    names.forEach((name, place) => {
      let row = this.rows.get(name);
      if (!row) this.rows.set(name, (row = this.row(name)));
      if (this.list.children[place] !== row.node) this.list.insertBefore(row.node, this.list.children[place] ?? null);
      this.fill(name, row);
    });
    this.elsewhere(names);
    const shown = store.shown.length;
    this.count.textContent =
      shown === names.length ? counted(names.length, "run") : `${shown} of ${counted(names.length, "run")} shown`;
    this.mark();
  }

  private fill(name: string, row: Row): void {
    const { store } = this;
    const run = store.run(name);
    const hidden = store.choice.hidden.includes(name);
    row.node.hidden = !store.listed(name);
    row.node.classList.toggle("off", hidden);
    row.box.checked = !hidden;
    row.name.textContent = short(name, 56);
    const metadata = Object.entries(run?.metadata ?? {})
      .slice(0, 40)
      .map(([key, value]) => `${key} = ${written(value)}`);
    row.name.title = [name, "click to highlight it everywhere", "", ...metadata].join("\n");
    const { kind, text } = verdictOn(run, store.map?.probe ?? "");
    row.verdict.className = `verdict ${kind}`;
    row.verdict.textContent = text;
    row.stand.title = run?.ended === false ? "training" : "";
    row.stand.textContent = standing(
      run?.last ?? null,
      run?.planned ?? null,
      run?.ended ?? true,
      run?.continues ?? null,
    );
    paintSwatch(row.swatch, store.look(name));
  }

  // Runs that are not on this map are said, so that nobody looks for them, with the way to theirs.
  private elsewhere(names: string[]): void {
    const { store } = this;
    const others = (store.state?.runs ?? []).filter((run) => !names.includes(run.name));
    const wanted = JSON.stringify([names.length, others.map((run) => [run.name, run.problem, this.mapOf(run.name)])]);
    if (wanted === this.others) return;
    this.others = wanted;
    for (const old of this.list.querySelectorAll("li.elsewhere")) old.remove();
    for (const run of others) {
      const [said, key] = [short(run.name, 56), this.mapOf(run.name)];
      this.list.append(
        element(
          "li",
          { className: "elsewhere soft", title: run.name },
          run.problem ? `${said}: ${run.problem}` : key ? `${said} ` : `${said}: no predictions so far`,
          key
            ? element("button", { type: "button", textContent: "on another map", onclick: () => this.go(key) })
            : null,
        ),
      );
    }
  }

  private mapOf(name: string): string | undefined {
    return this.store.state?.maps.find((map) => map.runs.includes(name))?.key;
  }

  private mark(): void {
    for (const [name, row] of this.rows) {
      row.node.classList.toggle("marked", this.store.isMarked(name));
      row.name.setAttribute("aria-pressed", String(this.store.choice.marked.includes(name)));
    }
  }
}

function standing(last: number | null, planned: number | null, ended: boolean, continues: string | null): string {
  const after = continues ? ` · continues ${short(continues, 24)}` : "";
  if (last === null) return after.slice(3);
  if (ended) return `${number(last)} steps${after}`;
  const share = planned && planned > 0 ? ` of ${number(planned)}` : "";
  return `● step ${number(last)}${share}${after}`;
}

function paintSwatch(canvas: HTMLCanvasElement, look: Look): void {
  const pen = canvas.getContext("2d")!;
  pen.setTransform(2, 0, 0, 2, 0, 0);
  pen.clearRect(0, 0, 24, 16);
  pen.strokeStyle = pen.fillStyle = look.colour;
  pen.lineWidth = 2;
  pen.setLineDash(look.dash.map((part) => part * 0.7));
  pen.beginPath();
  pen.moveTo(0, 8);
  pen.lineTo(24, 8);
  pen.stroke();
  pen.beginPath();
  addMarker(pen, look.marker, 12, 8, 4.5);
  pen.fill();
}
