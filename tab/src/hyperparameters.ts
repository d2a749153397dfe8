// Hyper-parameters and other metadata by which runs are coloured and filtered.
import type { Metadatum, RunState } from "./answers";
import type { Filter } from "./choice";
import { number } from "./words";

export interface Key {
  name: string;
  numbers: Map<string, number> | null; // of each run, where all that is known is numbers
  values: string[]; // in order, as texts
  low: number;
  high: number;
  log: boolean;
}

export const written = (value: Metadatum | undefined): string =>
  value === undefined || value === null ? "–" : typeof value === "number" ? number(value) : String(value);

/** Returns the keys in which runs differ. */
export function keysOf(runs: RunState[]): Key[] {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.metadata)))].sort();
  return names.map((name) => keyOf(name, runs)).filter((key) => key.values.length > 1);
}

function keyOf(name: string, runs: RunState[]): Key {
  const own = (run: RunState) => (Object.hasOwn(run.metadata, name) ? run.metadata[name] : undefined);
  const known = runs.filter((run) => own(run) !== undefined && own(run) !== null);
  const numeric = known.length > 0 && known.every((run) => typeof own(run) === "number" && Number.isFinite(own(run)));
  const values = [...new Set(runs.map((run) => written(own(run))))];
  if (!numeric) return { name, numbers: null, values: values.sort(), low: 0, high: 0, log: false };
  const numbers = new Map(known.map((run) => [run.name, own(run) as number]));
  const [low, high] = [Math.min(...numbers.values()), Math.max(...numbers.values())];
  const order = new Map(known.map((run) => [written(own(run)), own(run) as number]));
  values.sort((a, b) => (order.get(a) ?? Infinity) - (order.get(b) ?? Infinity));
  return { name, numbers, values, low, high, log: low > 0 && high / low >= 50 };
}

/** Returns where a value lies between a key's least, 0, and its largest, 1. */
export function placed(key: Key, value: number): number {
  if (key.high === key.low) return 0;
  if (key.log) return Math.log(value / key.low) / Math.log(key.high / key.low);
  return (value - key.low) / (key.high - key.low);
}

export function passes(run: RunState | undefined, filter: Filter): boolean {
  const value = run && Object.hasOwn(run.metadata, filter.key) ? run.metadata[filter.key] : undefined;
  if (filter.without) return !filter.without.includes(written(value));
  if (typeof value !== "number") return false;
  return (filter.low === null || value >= filter.low) && (filter.high === null || value <= filter.high);
}

/** Returns whether each word of a query stands in a run's name, or in "key=value" of its metadata. */
export function matches(name: string, run: RunState | undefined, query: string): boolean {
  const texts = [name, ...Object.entries(run?.metadata ?? {}).map(([key, value]) => `${key}=${written(value)}`)].map(
    (text) => text.toLowerCase(),
  );
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => texts.some((text) => text.includes(word)));
}
