// Two axes with round marks, on which curves and clouds of samples are drawn.
import { FONT } from "./marks";
import type { Inks } from "./palette";
import { decades, spread, ticks } from "./scale";
import { number } from "./words";

export interface Axis {
  low: number;
  high: number;
  log: boolean; // of x: ln(1 + x), from zero; of y: ln x
  title: string;
}

export interface Plot {
  x: (value: number) => number;
  y: (value: number) => number;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Draws axes in a box of pixels; returns where values stand. */
export function paintAxes(
  pen: CanvasRenderingContext2D,
  inks: Inks,
  [width, height]: [number, number],
  across: Axis,
  up: Axis,
): Plot {
  pen.font = FONT;
  const [top, bottom, right] = [22, height - 34, width - 14];
  const marks = up.log ? decades(up.low, up.high) : ticks(up.low, up.high, Math.max((bottom - top) / 40, 2));
  const left = 12 + Math.max(30, ...marks.map((value) => pen.measureText(number(value)).width));
  const y = (value: number) => {
    const share = up.log
      ? Math.log(Math.max(value, 1e-300) / up.low) / Math.log(up.high / up.low)
      : (value - up.low) / (up.high - up.low);
    return bottom - (bottom - top) * Math.min(Math.max(share, -0.05), 1.05);
  };
  const x = (value: number) => left + (right - left) * spread(value, across.low, across.high, across.log);
  pen.strokeStyle = inks.line;
  pen.fillStyle = inks.soft;
  pen.lineWidth = 1;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const value of marks) {
    line(pen, left, y(value), right, y(value));
    pen.fillText(number(value), left - 6, y(value));
  }
  pen.textAlign = "center";
  pen.textBaseline = "top";
  let taken = -Infinity;
  for (const value of marksAcross(across, (right - left) / 55)) {
    const text = number(value);
    const half = pen.measureText(text).width / 2;
    const at = Math.min(x(value), width - half - 1);
    line(pen, x(value), top, x(value), bottom);
    if (at - half < taken + 8) continue;
    pen.fillText(text, at, bottom + 5);
    taken = at + half;
  }
  pen.textAlign = "left";
  pen.fillText(up.title, 6, 4);
  pen.textAlign = "right";
  pen.fillText(across.title, right, height - 14);
  return { x, y, left, right, top, bottom };
}

function marksAcross({ low, high, log }: Axis, about: number): number[] {
  if (!log) return ticks(low, high, Math.max(about, 2));
  return [...(low <= 0 ? [0] : []), ...decades(Math.max(low, high / 1e6, high >= 10 ? 1 : high / 100), high)];
}

function line(pen: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number): void {
  pen.beginPath();
  pen.moveTo(Math.round(x0) + 0.5, Math.round(y0) + 0.5);
  pen.lineTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
  pen.stroke();
}

/** Returns the range of values that an axis has to hold, with a little room. */
export function rangeOf(values: Iterable<number | null | undefined>, log: boolean): [low: number, high: number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value === null || value === undefined || !Number.isFinite(value) || (log && value <= 0)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (!Number.isFinite(low)) return log ? [0.1, 1] : [0, 1];
  if (log) return low === high ? [low / 2, high * 2] : [low / 1.1, high * 1.1];
  if (low === high) return [low - 0.5, high + 0.5];
  const room = 0.04 * (high - low);
  return [low >= 0 && low < 0.3 * high ? 0 : low - room, high + room];
}
