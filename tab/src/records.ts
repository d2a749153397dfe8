// The records of a map, run by run, in the order of their steps.
import type { MapAnswer, Point } from "./answers";
import type { Clock } from "./choice";
import { frameOf, type Frame } from "./camera";

export interface RunRecords {
  name: string;
  records: number[]; // their places in the map's lists
  steps: number[];
}

export interface Records {
  answer: MapAnswer;
  runs: Map<string, RunRecords>;
  frame: Frame;
  clocks: Map<Clock, Float64Array>; // of each record, as large as any before it in its run
}

export function recordsOf(answer: MapAnswer): Records {
  const runs = new Map<string, RunRecords>();
  for (const name of answer.runs) runs.set(name, { name, records: [], steps: [] });
  answer.member.forEach((member, record) => runs.get(answer.runs[member]!)?.records.push(record));
  for (const run of runs.values()) {
    run.records.sort((a, b) => answer.steps[a]! - answer.steps[b]!);
    run.steps = run.records.map((record) => answer.steps[record]!);
  }
  const landmarks = answer.path ?? (answer.ignorance ? [answer.ignorance] : []);
  return { answer, runs, frame: frameOf([...answer.coordinates, ...landmarks]), clocks: clocksOf(answer, runs) };
}

function clocksOf(answer: MapAnswer, runs: Map<string, RunRecords>): Map<Clock, Float64Array> {
  const clocks = new Map<Clock, Float64Array>();
  clocks.set("step", Float64Array.from(answer.steps));
  const wall = new Float64Array(answer.steps.length);
  for (const { records } of runs.values()) {
    const start = records.length ? (answer.wall[records[0]!] ?? 0) : 0;
    let latest = 0;
    for (const record of records) {
      latest = Math.max(latest, ((answer.wall[record] ?? start) - start) / 60);
      wall[record] = latest;
    }
  }
  clocks.set("wall", wall);
  const progress = answer.curves["progress"];
  if (progress?.some((value) => value !== null)) {
    // Progress may fall again; how far a run has come is what it has reached.
    const reached = new Float64Array(answer.steps.length);
    for (const { records } of runs.values()) {
      let furthest = 0;
      for (const record of records) reached[record] = furthest = Math.max(furthest, progress[record] ?? 0);
    }
    clocks.set("progress", reached);
  }
  return clocks;
}

/** Returns how many of a run's records have happened at a reading of a clock. */
export function countUntil(run: RunRecords, clock: Float64Array, reading: number): number {
  let [low, high] = [0, run.records.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (clock[run.records[middle]!]! <= reading) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Returns the place, among a run's records, of that nearest to a step. */
export function nearest(run: RunRecords, step: number): number {
  let best = 0;
  run.steps.forEach((own, i) => {
    if (Math.abs(own - step) < Math.abs(run.steps[best]! - step)) best = i;
  });
  return best;
}

/** Turns the axes of a new map so that they point as those of the map before, whatever signs the server gave them. */
export function aligned(answer: MapAnswer, before: MapAnswer | null): MapAnswer {
  if (!before || before.key !== answer.key) return answer;
  const place = (map: MapAnswer, record: number) => JSON.stringify([map.runs[map.member[record]!], map.steps[record]]);
  const known = new Map(before.coordinates.map((point, record) => [place(before, record), point]));
  const agreement = [0, 0, 0];
  answer.coordinates.forEach((point, record) => {
    const old = known.get(place(answer, record));
    if (old) for (let axis = 0; axis < 3; axis++) agreement[axis]! += point[axis]! * old[axis]!;
  });
  const signs = agreement.map((sum) => (sum < 0 ? -1 : 1));
  if (signs.every((sign) => sign === 1)) return answer;
  const turn = (point: Point) => point.map((value, axis) => value * signs[axis]!) as Point;
  const turned: MapAnswer = {
    ...answer,
    coordinates: answer.coordinates.map(turn),
    path: answer.path?.map(turn) ?? null,
  };
  if (answer.ignorance) turned.ignorance = turn(answer.ignorance);
  return turned;
}
