// One answer that a panel shows: asked for again when the data have changed, drawn again when it has.
import { element } from "./element";
import { ask, Refused } from "./server";

type Parameters = Record<string, string | number>;

export class Loader<Answer> {
  answer: Answer | null = null;
  private wanted = "";
  private got = "";
  private known = ""; // what was got, at its revision
  private waiting = 0;
  private text = "";

  constructor(
    private name: string,
    private place: HTMLElement,
    private draw: (answer: Answer) => void,
    private keep = false, // shows what it had, paler, until there is an answer
  ) {}

  /** Asks after a pause in ms, unless this was asked for at this revision already; what was wanted before is forgotten. */
  load(parameters: Parameters, revision: string, pause = 0): void {
    const asked = JSON.stringify(parameters);
    const wanted = `${revision} ${asked}`;
    if (wanted === this.wanted) return;
    window.clearTimeout(this.waiting);
    this.wanted = wanted;
    if (this.answer && wanted === this.known) {
      this.place.classList.remove("stale");
      return;
    }
    if (asked !== this.got && this.keep && this.answer) this.place.classList.add("stale");
    else if (asked !== this.got) {
      this.answer = null;
      this.text = "";
      this.place.replaceChildren(element("p", { className: "soft", textContent: "loading …" }));
    }
    if (pause) this.waiting = window.setTimeout(() => void this.ask(asked, wanted, parameters), pause);
    else void this.ask(asked, wanted, parameters);
  }

  private async ask(asked: string, wanted: string, parameters: Parameters): Promise<void> {
    try {
      const answer = await ask<Answer>(this.name, parameters);
      if (wanted !== this.wanted) return; // something else is wanted by now
      const text = JSON.stringify(answer);
      const same = asked === this.got && text === this.text;
      [this.got, this.known, this.text, this.answer] = [asked, wanted, text, answer];
      this.place.classList.remove("stale");
      if (!same) this.draw(answer);
    } catch (error) {
      if (wanted !== this.wanted) return;
      this.wanted = ""; // so that the next refresh asks again
      if (asked === this.got && this.answer && !(error instanceof Refused)) return; // what is shown is still true
      this.got = "";
      this.answer = null;
      this.place.classList.remove("stale");
      const words = error instanceof Refused ? error.message : "TensorBoard does not answer; this is asked again.";
      this.place.replaceChildren(element("p", { className: "problem", textContent: words }));
    }
  }

  redraw(): void {
    if (this.answer) this.draw(this.answer);
  }

  clear(): void {
    window.clearTimeout(this.waiting);
    this.wanted = this.got = this.known = this.text = "";
    this.answer = null;
    this.place.classList.remove("stale");
    this.place.replaceChildren();
  }
}
