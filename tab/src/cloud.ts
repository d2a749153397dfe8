// The samples of a run: confidence against variability, coloured by how often each was forgotten.
import type { CartographyAnswer } from "./answers";
import { element } from "./element";
import { shade, SHADES } from "./palette";
import { paintAxes, type Plot } from "./plot";
import type { Store } from "./store";
import { Surface } from "./surface";
import type { Tip } from "./tip";
import { className, number } from "./words";

export class Cloud {
  readonly surface: Surface;
  private answer: CartographyAnswer | null = null;
  private plot: Plot | null = null;

  constructor(
    private store: Store,
    private tip: Tip,
    private open: (place: number) => void,
  ) {
    this.surface = new Surface(
      "Samples by confidence and variability; the list below has the likely label errors",
      () => this.paint(),
    );
    this.surface.canvas.className = "cloud";
    this.surface.canvas.setAttribute("role", "img");
    store.watch(["theme", "choice"], () => this.paint());
    tip.follow(this.surface.canvas, (event) => this.point(event));
    this.surface.canvas.addEventListener("click", (event) => {
      const place = this.near(...this.surface.place(event));
      if (place !== null) this.open(place);
    });
  }

  show(answer: CartographyAnswer): void {
    this.answer = answer;
    this.paint();
    this.tip.update();
  }

  private paint(): void {
    const { answer } = this;
    const pen = answer ? this.surface.begin() : null;
    if (!pen || !answer) return;
    const { inks } = this.store;
    const size: [number, number] = [this.surface.width, this.surface.height];
    const most = Math.max(...answer.forgetting.map((count) => count ?? 0), 1);
    const widest = Math.max(...answer.variability.map((value) => value ?? 0), 0.1) * 1.05;
    this.plot = paintAxes(
      pen,
      inks,
      size,
      { low: 0, high: widest, log: false, title: "variability" },
      { low: 0, high: 1, log: false, title: "confidence: mean p(label)" },
    );
    const { plot } = this;
    const order = answer.samples
      .map((_, place) => place)
      .sort((a, b) => (answer.forgetting[a] ?? 0) - (answer.forgetting[b] ?? 0));
    pen.globalAlpha = 0.8;
    for (const place of order) {
      const [x, y] = [answer.variability[place], answer.confidence[place]];
      if (typeof x !== "number" || typeof y !== "number") continue;
      const level = Math.round(((answer.forgetting[place] ?? 0) / most) * (SHADES - 1)) / (SHADES - 1);
      pen.fillStyle = shade(level, inks.dark);
      pen.fillRect(plot.x(x) - 2, plot.y(y) - 2, 4, 4);
    }
    pen.globalAlpha = 1;
    const chosen = this.store.choice.sample === null ? -1 : answer.samples.indexOf(this.store.choice.sample);
    const [x, y] = [answer.variability[chosen], answer.confidence[chosen]];
    if (typeof x === "number" && typeof y === "number") {
      pen.strokeStyle = inks.ink;
      pen.lineWidth = 2;
      pen.strokeRect(plot.x(x) - 5, plot.y(y) - 5, 10, 10);
    }
    pen.fillStyle = inks.soft;
    pen.strokeStyle = inks.card;
    pen.lineWidth = 3;
    const corner = (text: string, across: number, down: number, align: CanvasTextAlign) => {
      pen.textAlign = align;
      pen.textBaseline = "middle";
      pen.strokeText(text, across, down);
      pen.fillText(text, across, down);
    };
    corner("easy", plot.left + 6, plot.top + 10, "left");
    corner("hard or mislabelled", plot.left + 6, plot.bottom - 10, "left");
    corner("ambiguous", plot.right - 6, (plot.top + plot.bottom) / 2, "right");
  }

  private near(x: number, y: number): number | null {
    const { answer, plot } = this;
    let [best, least] = [null as number | null, 100];
    answer?.samples.forEach((_, place) => {
      const away =
        (plot!.x(answer.variability[place] ?? NaN) - x) ** 2 + (plot!.y(answer.confidence[place] ?? NaN) - y) ** 2;
      if (away < least) [best, least] = [place, away];
    });
    return best;
  }

  private point(event: PointerEvent): void {
    const place = this.near(...this.surface.place(event));
    const { answer } = this;
    if (place === null || !answer) return this.tip.hide();
    const names = this.store.map?.class_names ?? null;
    this.tip.show(
      event.clientX,
      event.clientY,
      element("strong", { textContent: `sample ${answer.samples[place]}` }),
      element("div", {
        textContent: `label ${className(names, answer.label[place] ?? null)}, predicted ${className(names, answer.predicted[place] ?? null)}`,
      }),
      element("div", {
        textContent: `forgotten ${number(answer.forgetting[place])} times · right ${number(100 * (answer.correctness[place] ?? NaN))} % of records`,
      }),
    );
  }
}
