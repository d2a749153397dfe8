// Two runs: where they part, on which classes and which samples.
import type { PairAnswer } from "./answers";
import { chooser, element, fill } from "./element";
import { Loader } from "./loader";
import { LINES } from "./palette";
import { paintAxes, rangeOf, type Plot } from "./plot";
import { moreButton, sampleRow } from "./sample_row";
import type { Store } from "./store";
import { Surface } from "./surface";
import type { Tip } from "./tip";
import { className, number, short, SKETCHED } from "./words";

const CLASSES = 8;
const SAMPLES = 10;
const MOST = 100; // that the server gives

export class PairPanel {
  readonly node = element("div", { className: "pair-panel" });
  private note = element("div", {});
  private body = element("div", {});
  private boxes: [HTMLSelectElement, HTMLSelectElement];
  private loader: Loader<PairAnswer>;
  private surface: Surface;
  private plot: Plot | null = null;
  private wide = { classes: false, samples: false };

  constructor(
    private store: Store,
    private tip: Tip,
    private open: (run: string, sample: number, picture: boolean) => void,
  ) {
    this.loader = new Loader("pair", this.body, (answer) => this.draw(answer), true);
    this.surface = new Surface("Distance between the two runs over progress", () => this.paint());
    this.surface.canvas.className = "pair-plot";
    this.surface.canvas.setAttribute("role", "img");
    tip.follow(this.surface.canvas, (event) => this.point(event));
    const box = (place: 0 | 1) =>
      chooser(place ? "second run" : "first run", [], "", (name) => this.choose(place, name));
    this.boxes = [box(0), box(1)];
    this.node.append(element("div", { className: "row" }, this.boxes[0], " and ", this.boxes[1]), this.note, this.body);
    store.watch(["data", "choice"], () => this.update());
    store.watch(["theme"], () => this.paint());
  }

  private choose(place: 0 | 1, name: string): void {
    const pair: [string, string] = [...(this.store.choice.pair ?? this.suggested())];
    if (pair[1 - place] === name) pair[1 - place] = pair[place]!; // the same run twice is an exchange
    pair[place] = name;
    this.store.choose({ pair, marked: [...pair] });
  }

  // The two that are highlighted; else the one that is, and another.
  private suggested(): [string, string] {
    const { store } = this;
    const { pair, marked } = store.choice;
    const wanted = marked.length === 2 ? [...marked, ...(pair ?? [])] : [...(pair ?? []), ...marked];
    const [a = "", b = ""] = [...new Set([...wanted, ...store.shown])].filter((name) => store.isShown(name));
    return [a, b];
  }

  private update(): void {
    const { store } = this;
    if (store.choice.panel !== "pair" || !store.map) return;
    const [a, b] = this.suggested();
    const options = store.shown.map((name): [string, string] => [name, short(name, 40)]);
    fill(this.boxes[0], options, a);
    fill(this.boxes[1], options, b);
    this.missing(a, b);
    if (!a || !b) {
      this.loader.clear();
      this.body.replaceChildren(
        element("p", { className: "soft", textContent: "Two runs have to be shown on this map." }),
      );
      return;
    }
    const top: { top?: number } = this.wide.samples ? { top: MOST } : {};
    const before = this.loader.answer;
    if (before && (before.a !== a || before.b !== b)) this.loader.clear();
    this.loader.load({ map: store.map.key, a, b, ...top }, store.map.revision);
  }

  // A run that was chosen and is hidden by now has another in its place: which, and the way back.
  private missing(a: string, b: string): void {
    const { store } = this;
    const gone = (store.choice.pair ?? []).filter((name) => store.names.includes(name) && !store.isShown(name));
    this.note.replaceChildren(
      ...gone.map((name) =>
        element(
          "p",
          { className: "soft" },
          `${short(name, 40)} is hidden${a && b ? ": the runs that are shown are compared" : ""}. `,
          store.listed(name)
            ? element("button", {
                type: "button",
                textContent: "show it",
                onclick: () => store.choose({ hidden: store.choice.hidden.filter((one) => one !== name) }),
              })
            : null,
        ),
      ),
    );
  }

  private draw(answer: PairAnswer): void {
    const { store } = this;
    const names = store.map?.class_names ?? null;
    const largest = Math.max(...answer.classes.map((one) => one.distance), 1e-12);
    const bars = answer.classes.slice(0, this.wide.classes ? undefined : CLASSES).map((one) => {
      const bar = element("i", { className: "amount" });
      bar.style.width = `${Math.max((100 * one.distance) / largest, 0.5)}%`;
      return element(
        "div",
        { className: "class" },
        element("span", { textContent: short(className(names, one.class), 20), title: className(names, one.class) }),
        element("span", { className: "amounts" }, bar),
        element("span", { className: "soft", textContent: number(one.distance) }),
      );
    });
    const items = answer.samples.slice(0, this.wide.samples ? undefined : SAMPLES);
    const total = answer.total ?? items.length;
    const more = (list: "classes" | "samples") =>
      moreButton(this.wide[list], () => {
        this.wide[list] = !this.wide[list];
        this.loader.redraw();
        this.update();
      });
    const count = (shown: number, all: number) =>
      element("small", { className: "count", textContent: ` ${shown < all ? `${shown} of ` : ""}${all} ` });
    this.body.replaceChildren(
      element(
        "h4",
        {},
        "Where they part",
        element("small", { textContent: " distance of the predictions at equal progress, nats per sample" }),
      ),
      this.surface.canvas,
      store.map?.sketched ? element("p", { className: "soft", textContent: `The ${SKETCHED}.` }) : "",
      element(
        "h4",
        {},
        answer.classes.length > CLASSES ? more("classes") : null,
        "On which classes",
        answer.classes.length ? count(bars.length, answer.classes.length) : null,
        element("small", { textContent: " nats per sample, at the end of the range both reach" }),
      ),
      ...(bars.length ? bars : [element("p", { className: "soft", textContent: "no labels" })]),
      element(
        "h4",
        {},
        total > SAMPLES ? more("samples") : null,
        "On which samples",
        count(items.length, total),
        element("small", { textContent: ` ${short(answer.a, 24)} against ${short(answer.b, 24)}` }),
      ),
      ...items.map((item) =>
        sampleRow(store, answer.a, item, null, "pair", (sample) => this.open(answer.a, sample, item.picture)),
      ),
    );
    this.paint();
    this.tip.update();
  }

  private paint(): void {
    const { answer } = this.loader;
    const pen = answer ? this.surface.begin() : null;
    if (!pen || !answer?.progress.length) return;
    const [low, high] = [answer.progress[0]!, answer.progress[answer.progress.length - 1]!];
    const [bottom, top] = rangeOf([0, ...answer.distance], false);
    const plot = (this.plot = paintAxes(
      pen,
      this.store.inks,
      [this.surface.width, this.surface.height],
      { low, high: high > low ? high : low + 1, log: false, title: "progress (0 ignorance, 1 truth)" },
      { low: bottom, high: top, log: false, title: "distance [nats per sample]" },
    ));
    pen.strokeStyle = LINES[0];
    pen.lineWidth = 2;
    pen.beginPath();
    answer.distance.forEach((value, i) => {
      if (value !== null) pen.lineTo(plot.x(answer.progress[i]!), plot.y(value));
    });
    pen.stroke();
  }

  // At which steps the two runs had come this far.
  private point(event: PointerEvent): void {
    const { answer } = this.loader;
    if (!answer?.progress.length || !this.plot) return this.tip.hide();
    const [across] = this.surface.place(event);
    const away = answer.progress.map((value) => Math.abs(this.plot!.x(value) - across));
    const at = away.indexOf(Math.min(...away));
    this.tip.show(
      event.clientX,
      event.clientY,
      element("strong", { textContent: `progress ${number(answer.progress[at])}` }),
      element("div", { textContent: `distance ${number(answer.distance[at])} nats per sample` }),
      element("div", { textContent: `${short(answer.a, 40)}: step ${number(Math.round(answer.steps[0][at] ?? NaN))}` }),
      element("div", { textContent: `${short(answer.b, 40)}: step ${number(Math.round(answer.steps[1][at] ?? NaN))}` }),
    );
  }
}
