// What is said of overfitting in a run, and how its events look.
import { INK, LINES, VERMILION } from "./palette";
import type { RunEvent, RunState } from "./answers";

export type VerdictKind = "flagged" | "watch" | "clean" | "undecidable" | "unknown";

export const VERDICTS: VerdictKind[] = ["flagged", "watch", "clean", "undecidable", "unknown"];

const SAID: Record<VerdictKind, string> = {
  flagged: "overfitting",
  watch: "to watch",
  clean: "clean",
  undecidable: "undecidable",
  unknown: "without a verdict",
};
export const said = (kind: VerdictKind): string => SAID[kind];

export const VERDICT_COLOURS: Record<VerdictKind, string> = {
  flagged: VERMILION,
  watch: LINES[2],
  clean: LINES[1],
  undecidable: LINES[3],
  unknown: INK,
};

export interface Verdict {
  kind: VerdictKind;
  text: string;
}

function kindOf(text: string): VerdictKind {
  const first = text.toLowerCase();
  if (first.startsWith("flag")) return "flagged";
  return (["watch", "clean", "undecidable"] as const).find((kind) => first.startsWith(kind)) ?? "unknown";
}

/** Returns the verdict on a probe; where it has none of its own, the gravest of the run with the probe's name. */
export function verdictOn(run: RunState | undefined, probe: string): Verdict {
  const own = run?.verdicts[probe];
  if (own !== undefined) return { kind: kindOf(own), text: own };
  const others = Object.entries(run?.verdicts ?? {}).map(([name, text]) => ({
    kind: kindOf(text),
    text: `${name}: ${text}`,
  }));
  others.sort((a, b) => VERDICTS.indexOf(a.kind) - VERDICTS.indexOf(b.kind));
  return others[0] ?? { kind: "unknown", text: "" };
}

/** Returns the events to mark on a map of a probe: its own, and those of the whole run. */
export function eventsOn(run: RunState | undefined, probe: string): RunEvent[] {
  return (run?.events ?? []).filter((event) => !event.probe || event.probe === probe);
}

export function headline(event: RunEvent): string {
  if (event.headline) return event.headline;
  const known = event.detected_at === null || event.detected_at === undefined ? "" : `, known at ${event.detected_at}`;
  return `${event.name.replaceAll("_", " ")}${event.probe ? ` on ${event.probe}` : ""} since step ${event.step}${known}`;
}

const OVERFITTING = "overfitting";
const RECOVERED = "recovered";
const knownAt = (event: RunEvent): number => event.detected_at ?? event.step;

/** Returns the event that withdraws a flag, which is the first of its probe that becomes known after it, else null. */
export function withdrawal(event: RunEvent, run: RunState | undefined): RunEvent | null {
  if (event.name !== OVERFITTING) return null;
  const later = (run?.events ?? []).filter(
    (one) =>
      one !== event &&
      (one.name === OVERFITTING || one.name === RECOVERED) &&
      one.probe === event.probe &&
      knownAt(one) >= knownAt(event),
  );
  const next = later.sort((a, b) => knownAt(a) - knownAt(b))[0];
  return next?.name === RECOVERED ? next : null;
}
