// The search of runs: each word stands in a run's name, in the name of a hyper-parameter, or in its value.
import type { Metadatum, RunState } from "./answers";
import { shown, type Key } from "./hyperparameters";
import { numeral } from "./words";

const CLOSE = 1e-9; // relative: what is left of 0.1 + 0.2 - 0.3 does not tell two values apart

/** Returns whether all words of a query are found in a run; numbers are compared as numbers, however they are typed. */
export function matches(name: string, run: RunState | undefined, query: string, keys: Key[]): boolean {
  const metadata = Object.entries(run?.metadata ?? {}).map(([key, value]) => ({
    key: key.toLowerCase(),
    value,
    text: shown(
      keys.find((one) => one.name === key),
      value,
    ).toLowerCase(),
  }));
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => {
      if (name.toLowerCase().includes(word)) return true;
      const sign = word.lastIndexOf("=");
      const [key, sought] = sign < 0 ? ["", word] : [word.slice(0, sign), word.slice(sign + 1)];
      return metadata.some(
        (one) => one.key.endsWith(key) && (is(one.value, one.text, sought) || (sign < 0 && one.key.includes(word))),
      );
    });
}

function is(value: Metadatum, text: string, sought: string): boolean {
  const asked = numeral(sought);
  if (typeof value !== "number") return text.includes(sought);
  if (asked === null) return sought === "";
  return asked === numeral(text) || Math.abs(value - asked) <= CLOSE * Math.abs(value);
}
