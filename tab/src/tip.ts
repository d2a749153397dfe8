// What is said beside the pointer.
import { element, type Child } from "./element";
import { eventColour } from "./palette";
import { nearest } from "./records";
import type { Store } from "./store";
import { eventsOn, headline } from "./verdicts";
import { number, quantity, short } from "./words";

export class Tip {
  readonly node = element("div", { className: "tip", role: "status", hidden: true });
  private rests: { on: HTMLElement; say: () => void } | null = null; // what a pointer was moved to last

  /** Says what is under the pointer on a canvas: when it is moved, and by `update` while it rests there. */
  follow(canvas: HTMLElement, say: (event: PointerEvent) => void, left: () => void = () => this.hide()): void {
    canvas.addEventListener("pointermove", (event) => {
      this.rests = { on: canvas, say: () => say(event) };
      say(event);
    });
    canvas.addEventListener("pointerleave", () => {
      this.forget();
      left();
    });
    canvas.addEventListener("pointerdown", () => this.forget()); // what is clicked is not said again
  }

  /** Looks again at what is under a pointer that rests, after what is drawn there has changed. */
  update(): void {
    if (!this.rests) return;
    if (this.rests.on.getClientRects().length) this.rests.say();
    else this.forget();
  }

  private forget(): void {
    this.rests = null;
    this.hide();
  }

  hide(): void {
    this.node.hidden = true;
  }

  show(x: number, y: number, ...children: Child[]): void {
    this.node.replaceChildren(...children.filter((child): child is Node | string => Boolean(child)));
    this.node.hidden = false;
    const { offsetWidth: wide, offsetHeight: high } = this.node;
    this.node.style.left = `${Math.max(4, x + 14 + wide > innerWidth ? x - 14 - wide : x + 14)}px`;
    this.node.style.top = `${Math.max(4, y + 14 + high > innerHeight ? y - 14 - high : y + 14)}px`;
  }

  /** Says what a record is. */
  record(store: Store, record: number, x: number, y: number): void {
    const { answer, runs } = store.records!;
    const name = answer.runs[answer.member[record]!]!;
    const run = runs.get(name)!;
    const place = run.records.indexOf(record);
    const said = ["distance_to_truth", "accuracy", "progress", store.choice.quantity];
    const values = [...new Set(said)].filter((one) => answer.curves[one] && answer.curves[one]![record] !== null);
    const here = eventsOn(store.run(name), store.map?.probe ?? "").filter(
      (event) =>
        nearest(run, event.step) === place || (event.detected_at != null && nearest(run, event.detected_at) === place),
    );
    this.show(
      x,
      y,
      element("strong", { textContent: short(name, 60) }),
      element("div", { textContent: `step ${number(answer.steps[record])}` }),
      ...values.map((one) =>
        element(
          "div",
          {},
          `${quantity(one).title}: `,
          element("b", { textContent: number(answer.curves[one]![record]) }),
        ),
      ),
      ...here.map((event) => {
        const said = element("div", { textContent: headline(event) });
        said.style.borderLeft = `3px solid ${eventColour(event.name)}`;
        said.style.paddingLeft = "5px";
        return said;
      }),
      element("div", { className: "soft", textContent: "click: its samples" }),
    );
  }
}
