// Keeps what is shown up to date: by asking every few seconds, and when TensorBoard says that it has reloaded.
import type { MapAnswer, State } from "./answers";
import { aligned, recordsOf } from "./records";
import { ask, Gone, Refused } from "./server";
import type { Store } from "./store";
import { verdictOn } from "./verdicts";

const EVERY = 4000; // ms; the answer is a few kilobytes where nothing has changed

export class Refresh {
  private running = false;
  private again = false;
  private revision = "";
  private drawn = ""; // the map and revision that are shown
  private since = "";

  constructor(private store: Store) {
    setInterval(() => {
      if (!document.hidden && document.documentElement.clientWidth) void this.now();
    }, EVERY);
    document.addEventListener("visibilitychange", () => void this.now());
    listen(() => void this.now());
  }

  /** Asks for what is new; a call while one is under way is heard when it ends. */
  async now(): Promise<void> {
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = true;
    try {
      do {
        this.again = false;
        await this.once();
      } while (this.again);
    } finally {
      this.running = false;
    }
  }

  private async once(): Promise<void> {
    const { store } = this;
    try {
      const state = await ask<State>("state");
      const changed = state.revision !== this.revision || store.loading;
      store.state = state;
      store.loading = false;
      if (!state.maps.some((map) => map.key === store.choice.map)) this.first(state);
      if (changed) store.tell("data");
      await this.map(state);
      this.revision = state.revision;
      if (store.trouble) this.trouble(null);
    } catch (error) {
      store.loading = false;
      const now = new Date().toLocaleTimeString();
      this.since ||= now;
      if (error instanceof Gone)
        this.trouble(
          `TensorBoard has not answered since ${this.since}. What is shown is what was known then; it is asked again every few seconds.`,
        );
      else if (error instanceof Refused) this.trouble(`The map cannot be shown: ${error.message}`);
      else {
        this.trouble(`What the server answered cannot be shown: ${String(error)}`);
        console.error(error);
      }
    }
  }

  private trouble(words: string | null): void {
    if (words === null) this.since = "";
    this.store.trouble = words;
    this.store.tell("status");
  }

  // The map with most runs, and among those a probe that is not trained on.
  private first(state: State): void {
    const { choice } = this.store;
    const best = [...state.maps].sort(
      (a, b) => b.runs.length - a.runs.length || Number(a.trained) - Number(b.trained),
    )[0];
    choice.map = best?.key ?? null;
    this.store.records = null;
    this.drawn = "";
  }

  private async map(state: State): Promise<void> {
    const { store } = this;
    const map = state.maps.find((one) => one.key === store.choice.map);
    if (!map) {
      store.records = null;
      this.drawn = "";
      store.tell("data");
      return;
    }
    const wanted = `${map.key} ${map.revision}`;
    if (wanted === this.drawn && store.records) return;
    if (store.records && store.records.answer.key !== map.key) {
      store.records = null;
      store.tell("data");
    }
    const answer = await ask<MapAnswer>("map", { map: map.key });
    if (store.choice.map !== map.key) {
      this.again = true; // another map was chosen meanwhile
      return;
    }
    const begun = store.records === null;
    const reading = !begun && store.choice.time < 1 ? store.reading : null;
    store.records = recordsOf(aligned(answer, store.records?.answer ?? null));
    if (store.hovered?.record != null) store.hovered = null; // the places of records are others now
    if (reading !== null) store.setReading(reading); // the clock goes on, what it was stopped at stays
    this.drawn = wanted;
    if (begun) this.begin(map.probe);
    store.tell("data");
  }

  private looked = false;

  // A first look at many runs is told more by verdicts than by colours that repeat, and by few kinds of marks.
  private begin(probe: string): void {
    const { store } = this;
    const kinds = new Set(store.names.map((name) => verdictOn(store.run(name), probe).kind));
    if (store.choice.colour === ":run" && store.names.length > 20 && kinds.size > 1) store.choice.colour = ":verdict";
    if (store.names.length > 12 && !store.choice.events.length && !this.looked)
      store.choice.events = ["knee", "velocity_change"];
    this.looked = true;
  }
}

/** Calls back when TensorBoard reloads, by its button or its timer; its channel is experimental and may be absent. */
function listen(reloaded: () => void): void {
  if (window.parent === window) return;
  const channel = new MessageChannel();
  channel.port1.onmessage = (event: MessageEvent<unknown>) => {
    try {
      const message = JSON.parse(String(event.data)) as { type?: string; id?: number; isReply?: boolean };
      if (message.type !== "experimental.DataReloaded" || message.isReply) return;
      channel.port1.postMessage(
        JSON.stringify({ type: message.type, id: message.id, payload: null, error: null, isReply: true }),
      );
      reloaded();
    } catch {
      // Not a message of this channel.
    }
  };
  window.parent.postMessage("experimental.bootstrap", "*", [channel.port2]);
}
