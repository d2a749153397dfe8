// All samples of one run: their cartography, and the likely label errors.
import type { CartographyAnswer } from "./answers";
import { Cloud } from "./cloud";
import { chooser, element, fill } from "./element";
import { Loader } from "./loader";
import { shade, SHADES } from "./palette";
import { answered, moreButton, pictured } from "./sample_row";
import type { Store } from "./store";
import type { Tip } from "./tip";
import { number, short } from "./words";

const RANKED = 20;
const MOST = 100;

export class RunPanel {
  readonly node = element("div", { className: "run-panel" });
  private body = element("div", {});
  private choose: HTMLSelectElement;
  private loader: Loader<CartographyAnswer>;
  private cloud: Cloud;
  private run: string | null = null;
  private wide = false;

  constructor(
    private store: Store,
    tip: Tip,
    private open: (run: string, sample: number, picture: boolean) => void,
  ) {
    this.loader = new Loader("cartography", this.body, (answer) => this.draw(answer));
    this.cloud = new Cloud(store, tip, (place) => {
      const { answer } = this.loader;
      if (answer && this.run !== null) this.open(this.run, answer.samples[place]!, answer.picture[place] ?? false);
    });
    this.choose = chooser("run", [], "", (run) => {
      this.run = run;
      store.choose({ marked: [run] });
    });
    this.node.append(element("label", { className: "row" }, "run ", this.choose), this.body);
    store.watch(["data", "choice"], () => this.update());
  }

  private update(): void {
    const { store } = this;
    if (store.choice.panel !== "run" || !store.map) return;
    const { selected, marked } = store.choice;
    const wanted = [
      ...(marked.length === 1 ? marked : []),
      ...(selected ? [selected.run] : []),
      this.run,
      store.shown[0],
    ];
    this.run = wanted.find((name): name is string => typeof name === "string" && store.isShown(name)) ?? null;
    fill(
      this.choose,
      store.shown.map((name) => [name, short(name, 50)]),
      this.run ?? "",
    );
    if (!store.map.labelled || this.run === null) {
      this.loader.clear();
      this.body.replaceChildren(
        element("p", {
          className: "soft",
          textContent:
            this.run === null ? "No run is shown." : "This probe has no labels, so its samples have no cartography.",
        }),
      );
      return;
    }
    this.loader.load({ map: store.map.key, run: this.run }, store.map.revision);
  }

  private draw(answer: CartographyAnswer): void {
    const { store } = this;
    const most = Math.max(...answer.forgetting.map((count) => count ?? 0), 1);
    const bar = element("span", { className: "bar" });
    bar.style.background = `linear-gradient(to right, ${Array.from({ length: SHADES }, (_, i) => shade(i / (SHADES - 1), store.inks.dark)).join(",")})`;
    const places = new Map(answer.samples.map((sample, place) => [sample, place]));
    const rows = answer.ranked.slice(0, this.wide ? MOST : RANKED).flatMap((sample, rank) => {
      const place = places.get(sample);
      if (place === undefined) return [];
      const row = element(
        "button",
        {
          type: "button",
          className: "sample",
          onclick: () => this.open(this.run!, sample, answer.picture[place] ?? false),
        },
        element("span", { className: "rank", textContent: String(rank + 1) }),
        pictured(store, this.run!, sample, answer.picture[place] ?? false),
        element(
          "span",
          { className: "words" },
          answered(store, answer.label[place] ?? null, answer.predicted[place]!),
          element("span", { className: "soft", textContent: `margin ${number(answer.area_under_margin[place])} nats` }),
        ),
      );
      row.dataset["sample"] = String(sample);
      return [row];
    });
    const total = answer.ranked.length;
    const below = answer.area_under_margin.filter((margin) => typeof margin === "number" && margin < 0).length;
    const counts = `${rows.length < total ? `${rows.length} of ` : ""}${total}, ${below} of them below 0`;
    this.body.replaceChildren(
      element("h4", {}, "Cartography", element("small", { textContent: " each dot is a sample over the whole run" })),
      this.cloud.surface.canvas,
      element("p", {
        className: "soft",
        textContent: "High up: easy. Low down on the left: hard or mislabelled. To the right: ambiguous.",
      }),
      element("div", { className: "legend" }, "forgotten 0", bar, `${most} times`),
      element(
        "h4",
        {},
        total > RANKED
          ? moreButton(this.wide, () => {
              this.wide = !this.wide;
              this.loader.redraw();
            })
          : null,
        "Likely label errors",
        element("small", { className: "count", textContent: ` ${counts} ` }),
        element("small", { textContent: " the smallest mean margin of the label over the strongest other class" }),
      ),
      ...(store.map?.trained
        ? []
        : [
            element("p", {
              className: "soft",
              textContent:
                "On a probe that is not trained on these are the hardest samples, mislabelled ones among them.",
            }),
          ]),
      ...rows,
    );
    this.cloud.show(answer);
  }
}
