// Hyper-parameters and other metadata by which runs are coloured and filtered.
import type { Metadatum, RunState } from "./answers";
import type { Filter } from "./choice";
import { number, numeral } from "./words";

export interface Key {
  name: string;
  numbers: Map<string, number> | null; // of each run, where all that is known is numbers
  values: Map<string, string>; // identities, in order, with how each is shown
  low: number;
  high: number;
  log: boolean;
}

const EXACT = 17; // digits that tell any two numbers apart
const FEWEST = 3;
const MISSING = "–";

/** Returns what a value is, whatever is shown of it: 0.1 and "0.1" are two, as are 1e-5 and 1.02e-5. */
export const identity = (value: Metadatum): string => JSON.stringify(value);

/** Returns a run's value of a name, null where it has none. */
export function valueOf(run: RunState | undefined, name: string): Metadatum {
  return run && Object.hasOwn(run.metadata, name) ? (run.metadata[name] ?? null) : null;
}

/** Returns a value in words; a number in so many significant digits, all of them unless told. */
export function written(value: Metadatum, digits = EXACT): string {
  return value === null ? MISSING : typeof value === "number" ? number(value, digits) : String(value);
}

/** Returns a value as it is shown beside the others of its key; where runs do not differ there is no key. */
export const shown = (key: Key | undefined, value: Metadatum): string =>
  key?.values.get(identity(value)) ?? written(value, FEWEST);

/** Returns the keys in which runs differ. */
export function keysOf(runs: RunState[]): Key[] {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.metadata)))].sort();
  return names.map((name) => keyOf(name, runs)).filter((key) => key.values.size > 1);
}

function keyOf(name: string, runs: RunState[]): Key {
  const distinct = new Map(runs.map((run) => [identity(valueOf(run, name)), valueOf(run, name)]));
  const values = toldApart([...distinct.values()].sort(inOrder));
  const known = [...distinct.values()].filter((value) => value !== null);
  if (!known.length || known.some((value) => typeof value !== "number"))
    return { name, numbers: null, values, low: 0, high: 0, log: false };
  const numbers = new Map<string, number>();
  for (const run of runs) {
    const value = valueOf(run, name);
    if (typeof value === "number") numbers.set(run.name, value);
  }
  const [low, high] = [Math.min(...numbers.values()), Math.max(...numbers.values())];
  return { name, numbers, values, low, high, log: low > 0 && high / low >= 50 };
}

// Numbers by size, then texts, then what is missing.
function inOrder(a: Metadatum, b: Metadatum): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  const rank = (value: Metadatum) => (typeof value === "number" ? 0 : value === null ? 2 : 1);
  return rank(a) - rank(b) || (String(a) < String(b) ? -1 : 1);
}

// As many digits as tell the numbers apart, of whole numbers then all; a text that reads as another kind of value does
// is quoted.
function toldApart(values: Metadatum[]): Map<string, string> {
  const numbers = values.filter((value) => typeof value === "number");
  let digits = FEWEST;
  const text = (value: Metadatum) => written(value, digits > FEWEST && Number.isInteger(value) ? EXACT : digits);
  while (digits < EXACT && new Set(numbers.map(text)).size < numbers.length) digits++;
  const others = new Set(values.filter((value) => typeof value !== "string").map(text));
  const ambiguous = (value: string) => others.has(value) || (numbers.length > 0 && numeral(value) !== null);
  return new Map(
    values.map((value) => [
      identity(value),
      typeof value === "string" && ambiguous(value) ? `"${value}"` : text(value),
    ]),
  );
}

/** Returns where a value lies between a key's least, 0, and its largest, 1. */
export function placed(key: Key, value: number): number {
  if (key.high === key.low) return 0;
  if (key.log) return Math.log(value / key.low) / Math.log(key.high / key.low);
  return (value - key.low) / (key.high - key.low);
}

/** Returns whether a run is left by a filter; one that excludes nothing leaves all, also those that are still to come. */
export function passes(run: RunState | undefined, filter: Filter): boolean {
  const value = valueOf(run, filter.key);
  if (filter.without) return !filter.without.includes(identity(value));
  if (filter.low === null && filter.high === null) return true;
  if (typeof value !== "number") return false;
  return (filter.low === null || value >= filter.low) && (filter.high === null || value <= filter.high);
}
