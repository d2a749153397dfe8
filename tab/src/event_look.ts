// How events are marked: by their shape, in the ink of the page, so that no mark looks like a part of a run.
import type { RunEvent, RunState } from "./answers";
import type { Inks } from "./palette";
import { withdrawal } from "./verdicts";

export type Shape = "cross" | "tick" | "up" | "down" | "diamond" | "plus" | "square";

const SHAPES: Record<string, Shape> = {
  overfitting: "cross",
  recovered: "tick",
  memorisation: "up",
  generalisation: "down",
  knee: "diamond",
  velocity_change: "plus",
};
const LETTERS: Record<Shape, string> = {
  cross: "✕",
  tick: "✓",
  up: "△",
  down: "▽",
  diamond: "◇",
  plus: "+",
  square: "□",
};

export const shapeOf = (name: string): Shape => (Object.hasOwn(SHAPES, name) ? SHAPES[name]! : "square");
export const letterOf = (name: string): string => LETTERS[shapeOf(name)];

/** Returns the ink of an event: red of a flag that stands, soft of one that was withdrawn. */
export function inkOf(event: RunEvent, run: RunState | undefined, inks: Inks): string {
  return withdrawal(event, run) ? inks.soft : kindInk(event.name, inks);
}

export const kindInk = (name: string, inks: Inks): string => (name === "overfitting" ? inks.bad : inks.ink);
