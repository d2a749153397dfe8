// One sample's course through a run, opened from any list.
import type { SampleAnswer } from "./answers";
import { element } from "./element";
import { Loader } from "./loader";
import { FONT } from "./marks";
import { LINES } from "./palette";
import { paintAxes } from "./plot";
import { answered, pictured } from "./sample_row";
import type { Store } from "./store";
import { Surface } from "./surface";
import { className, short } from "./words";

export class SampleDetail {
  readonly node = element("section", { className: "detail", hidden: true, "aria-label": "a sample" });
  private head = element("div", { className: "detail-head" });
  private body = element("div", {});
  private surface: Surface;
  private loader: Loader<SampleAnswer>;
  private run = "";
  private picture = false;

  constructor(
    private store: Store,
    private closed: () => void,
  ) {
    this.surface = new Surface("Probability of the label over training", () => this.paint());
    this.surface.canvas.className = "detail-plot";
    this.loader = new Loader("sample", this.body, (answer) => this.draw(answer));
    this.node.append(this.head, this.body);
    store.watch(["theme", "time"], () => this.paint());
  }

  /** Shows a sample of a run. */
  open(run: string, sample: number, picture: boolean): void {
    const { map } = this.store;
    if (!map) return;
    [this.run, this.picture] = [run, picture];
    this.store.choose({ sample });
    this.node.hidden = false;
    this.head.replaceChildren(
      element("strong", { textContent: `Sample ${sample}` }),
      element("span", { className: "soft", textContent: ` in ${short(run, 40)}` }),
      element("button", {
        type: "button",
        textContent: "×",
        "aria-label": "close the sample",
        onclick: () => this.close(),
      }),
    );
    this.refresh();
    this.node.scrollIntoView({ block: "nearest" });
  }

  refresh(): void {
    const { map, choice } = this.store;
    if (this.node.hidden || !map || choice.sample === null) return;
    if (this.store.records && !this.store.isShown(this.run)) return this.shut();
    this.loader.load({ map: map.key, run: this.run, sample: choice.sample }, map.revision);
  }

  /** Returns whether there was something to close. */
  close(): boolean {
    if (this.node.hidden) return false;
    this.shut();
    this.closed();
    return true;
  }

  private shut(): void {
    this.node.hidden = true;
    this.loader.clear();
    this.store.choose({ sample: null });
  }

  private draw(answer: SampleAnswer): void {
    const last = answer.predicted[answer.predicted.length - 1];
    this.body.replaceChildren(
      element(
        "div",
        { className: "detail-words" },
        pictured(this.store, this.run, answer.sample, this.picture),
        last === undefined ? null : answered(this.store, answer.label, last),
      ),
      this.surface.canvas,
    );
    this.paint();
  }

  private paint(): void {
    const { answer } = this.loader;
    const pen = answer && !this.node.hidden ? this.surface.begin() : null;
    if (!pen || !answer?.steps.length) return;
    const { inks } = this.store;
    const log = this.store.choice.logX;
    const [low, high] = [answer.steps[0]!, Math.max(answer.steps[answer.steps.length - 1]!, answer.steps[0]! + 1)];
    const plot = paintAxes(
      pen,
      inks,
      [this.surface.width, this.surface.height],
      { low, high, log, title: "optimizer step" },
      { low: 0, high: 1, log: false, title: "p(class)" },
    );
    const line = (values: (number | null | undefined)[], colour: string, width: number) => {
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      pen.beginPath();
      values.forEach((value, i) => {
        if (typeof value === "number") pen.lineTo(plot.x(answer.steps[i]!), plot.y(value));
      });
      pen.stroke();
    };
    const names = this.store.map?.class_names ?? null;
    const said: [string, string][] = [];
    if (answer.probabilities) {
      // The classes that were ever likely: more lines than these cannot be told apart.
      const classes = Array.from(answer.probabilities[0] ?? [], (_, c) => ({
        c,
        most: Math.max(...answer.probabilities!.map((row) => row[c]!)),
      }))
        .filter(({ c, most }) => c !== answer.label && most > 0.1)
        .sort((a, b) => b.most - a.most)
        .slice(0, 3);
      classes.forEach(({ c }, i) => {
        line(
          answer.probabilities!.map((row) => row[c]),
          LINES[i + 1]!,
          1.5,
        );
        said.push([short(className(names, c), 14), LINES[i + 1]!]);
      });
    }
    line(answer.p, LINES[0], 2.5);
    said.unshift([
      answer.label === null ? "predicted" : `label ${short(className(names, answer.label), 14)}`,
      LINES[0],
    ]);
    pen.font = FONT;
    pen.textAlign = "right";
    pen.textBaseline = "top";
    let right = plot.right;
    for (const [text, colour] of said.reverse()) {
      pen.fillStyle = colour;
      if (right - pen.measureText(text).width < plot.left + 40) break;
      pen.fillText(text, right, 4);
      right -= pen.measureText(text).width + 10;
    }
  }
}
