// What the reader has chosen. It outlives every refresh of the data, and a reload of the browser's page.
import type { Camera } from "./camera";

export type Panel = "record" | "run" | "pair";
export type Clock = "step" | "progress" | "wall";

export interface Filter {
  key: string;
  without: string[] | null; // values that do not pass, so that new ones do; null where it is a range
  low: number | null;
  high: number | null;
}

export interface Chosen {
  run: string;
  step: number;
}

export interface Choice {
  map: string | null;
  hidden: string[];
  marked: string[];
  events: string[]; // kinds of events that are not drawn
  colour: string; // ":run", ":verdict", ":step", or a hyper-parameter
  query: string;
  filters: Filter[];
  flat: boolean;
  camera: Camera;
  time: number; // share of the clock, 0 to 1; 1 follows a run that grows
  clock: Clock;
  logX: boolean;
  logY: boolean;
  quantity: string;
  selected: Chosen | null;
  sample: number | null;
  panel: Panel;
  pair: [string, string] | null;
  hint: boolean;
}

const KEPT = "infogeo-choice-1"; // another number where the meaning of what is kept changes

export function fresh(): Choice {
  return {
    map: null,
    hidden: [],
    marked: [],
    events: [],
    colour: ":run",
    query: "",
    filters: [],
    flat: false,
    camera: { yaw: -0.6, pitch: 0.35, zoom: 1, x: 0, y: 0 },
    time: 1,
    clock: "step",
    logX: true,
    logY: false,
    quantity: "distance_to_truth",
    selected: null,
    sample: null,
    panel: "record",
    pair: null,
    hint: true,
  };
}

/** Returns what was chosen in this browser tab before, as far as it can be read. */
export function remembered(): Choice {
  const choice = fresh();
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
    if (kept !== null && typeof kept === "object") Object.assign(choice, kept);
  } catch {
    // A browser that keeps nothing: the page begins afresh.
  }
  return choice;
}

export function remember(choice: Choice): void {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(choice));
  } catch {
    // As above.
  }
}
