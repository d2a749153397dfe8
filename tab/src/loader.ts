// One answer that a panel shows: asked for again when the data have changed, drawn again when it has.
import { element } from "./element";
import { ask, Refused } from "./server";

type Parameters = Record<string, string | number>;

export class Loader<Answer> {
  answer: Answer | null = null;
  private wanted = "";
  private got = "";
  private text = "";

  constructor(
    private name: string,
    private place: HTMLElement,
    private draw: (answer: Answer) => void,
  ) {}

  /** Asks, unless this was asked for at this revision already. */
  async load(parameters: Parameters, revision: string): Promise<void> {
    const asked = JSON.stringify(parameters);
    const wanted = `${revision} ${asked}`;
    if (wanted === this.wanted) return;
    this.wanted = wanted;
    if (asked !== this.got) {
      this.answer = null;
      this.text = "";
      this.place.replaceChildren(element("p", { className: "soft", textContent: "loading …" }));
    }
    try {
      const answer = await ask<Answer>(this.name, parameters);
      if (wanted !== this.wanted) return; // something else is wanted by now
      const text = JSON.stringify(answer);
      const same = asked === this.got && text === this.text;
      [this.got, this.text, this.answer] = [asked, text, answer];
      if (!same) this.draw(answer);
    } catch (error) {
      if (wanted !== this.wanted) return;
      this.wanted = ""; // so that the next refresh asks again
      if (asked === this.got && this.answer && !(error instanceof Refused)) return; // what is shown is still true
      this.got = "";
      const words = error instanceof Refused ? error.message : "TensorBoard does not answer; this is asked again.";
      this.place.replaceChildren(element("p", { className: "problem", textContent: words }));
    }
  }

  redraw(): void {
    if (this.answer) this.draw(this.answer);
  }

  clear(): void {
    this.wanted = this.got = this.text = "";
    this.answer = null;
    this.place.replaceChildren();
  }
}
