// What the reader has chosen. It outlives every refresh of the data, and a reload of the browser's page.
import type { Camera } from "./camera";

export type Panel = "record" | "run" | "pair";
export type Clock = "step" | "progress" | "wall";

export interface Filter {
  key: string;
  without: string[] | null; // identities of values that do not pass, so that new ones do; null where it is a range
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

export const CLOCKS: Clock[] = ["step", "progress", "wall"];
const PANELS: Panel[] = ["record", "run", "pair"];
const KEPT = "infogeo-choice-2"; // another number where the meaning of what is kept changes

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

type Test = (value: unknown) => boolean;

const has = <Name extends string>(value: unknown, name: Name): value is Record<Name, unknown> =>
  value !== null && typeof value === "object" && Object.hasOwn(value, name);
const text: Test = (value) => typeof value === "string";
const truth: Test = (value) => typeof value === "boolean";
const finite: Test = (value) => typeof value === "number" && Number.isFinite(value);
const between =
  (low: number, high: number): Test =>
  (value) =>
    typeof value === "number" && value >= low && value <= high;
const orNull =
  (test: Test): Test =>
  (value) =>
    value === null || test(value);
const listOf =
  (test: Test): Test =>
  (value) =>
    Array.isArray(value) && value.every(test);
const oneOf =
  (values: unknown[]): Test =>
  (value) =>
    values.includes(value);
const shaped =
  (tests: Record<string, Test>): Test =>
  (value) =>
    Object.entries(tests).every(([name, test]) => has(value, name) && test(value[name]));

// Of each choice, what can be kept of it: what a browser gives back may be damaged, or of another version.
const SOUND: Record<keyof Choice, Test> = {
  map: orNull(text),
  hidden: listOf(text),
  marked: listOf(text),
  events: listOf(text),
  colour: text,
  query: text,
  filters: listOf(shaped({ key: text, without: orNull(listOf(text)), low: orNull(finite), high: orNull(finite) })),
  flat: truth,
  camera: shaped({ yaw: finite, pitch: finite, zoom: between(0.01, 100), x: finite, y: finite }),
  time: between(0, 1),
  clock: oneOf(CLOCKS),
  logX: truth,
  logY: truth,
  quantity: text,
  selected: orNull(shaped({ run: text, step: finite })),
  sample: orNull(finite),
  panel: oneOf(PANELS),
  pair: orNull((value) => listOf(text)(value) && (value as string[]).length === 2),
  hint: truth,
};

/** Returns what was chosen in this browser tab before, as far as it can be read. */
export function remembered(): Choice {
  const choice = fresh();
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
    for (const [name, sound] of Object.entries(SOUND))
      if (has(kept, name) && sound(kept[name])) Object.assign(choice, { [name]: kept[name] });
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
