// Shapes of records and events, and letters on a ground that lines cross.
import type { Inks, Marker } from "./palette";

export const FONT = "12px Roboto, system-ui, sans-serif";
type Pen = CanvasRenderingContext2D;

/** Adds a run's marker to the path that is begun. */
export function addMarker(pen: Pen, marker: Marker, x: number, y: number, r: number): void {
  if (marker === "circle") {
    pen.moveTo(x + r, y);
    pen.arc(x, y, r, 0, 2 * Math.PI);
  } else if (marker === "square") {
    pen.rect(x - 0.9 * r, y - 0.9 * r, 1.8 * r, 1.8 * r);
  } else if (marker === "diamond") {
    pen.moveTo(x, y - 1.3 * r);
    pen.lineTo(x + 1.3 * r, y);
    pen.lineTo(x, y + 1.3 * r);
    pen.lineTo(x - 1.3 * r, y);
    pen.closePath();
  } else {
    pen.moveTo(x, y - 1.25 * r);
    pen.lineTo(x + 1.2 * r, y + r);
    pen.lineTo(x - 1.2 * r, y + r);
    pen.closePath();
  }
}

export function fillMarker(pen: Pen, marker: Marker, x: number, y: number, r: number): void {
  pen.beginPath();
  addMarker(pen, marker, x, y, r);
  pen.fill();
}

/** Marks of events: a cross where one began, a ring where it became known; those of one colour are drawn together. */
export class Marks {
  private paths = new Map<string, Path2D>();

  constructor(
    private pen: Pen,
    private ground: string,
  ) {}

  private path(colour: string): Path2D {
    const path = this.paths.get(colour) ?? new Path2D();
    this.paths.set(colour, path);
    return path;
  }

  since(x: number, y: number, r: number, colour: string): void {
    const path = this.path(colour);
    path.moveTo(x - r, y - r);
    path.lineTo(x + r, y + r);
    path.moveTo(x - r, y + r);
    path.lineTo(x + r, y - r);
  }

  known(x: number, y: number, r: number, colour: string): void {
    const path = this.path(colour);
    path.moveTo(x + r, y);
    path.arc(x, y, r, 0, 2 * Math.PI);
  }

  draw(): void {
    const { pen } = this;
    for (const [colour, path] of this.paths) {
      pen.strokeStyle = this.ground;
      pen.lineWidth = 4.5;
      pen.stroke(path);
      pen.strokeStyle = colour;
      pen.lineWidth = 2;
      pen.stroke(path);
    }
  }
}

export function star(pen: Pen, x: number, y: number, r: number): void {
  pen.beginPath();
  for (let i = 0; i < 10; i++) {
    const [angle, reach] = [(i * Math.PI) / 5 - Math.PI / 2, i % 2 ? 0.45 * r : r];
    if (i) pen.lineTo(x + reach * Math.cos(angle), y + reach * Math.sin(angle));
    else pen.moveTo(x + reach * Math.cos(angle), y + reach * Math.sin(angle));
  }
  pen.closePath();
  pen.fill();
}

/** The places that letters have taken on a picture. */
export class Lettering {
  private taken: [left: number, top: number, right: number, bottom: number][] = [];

  constructor(
    private pen: Pen,
    private inks: Inks,
    private width: number,
  ) {
    pen.font = FONT;
  }

  /** Writes a text beside a point, on the side where it fits; returns false where other letters stand. */
  beside(text: string, x: number, y: number, colour: string, always = false): boolean {
    const long = this.pen.measureText(text).width;
    const left = x + 9 + long > this.width - 2 ? Math.max(x - 9 - long, 2) : x + 9;
    const box: [number, number, number, number] = [left, y - 7, left + long, y + 7];
    const free = this.taken.every(([l, t, r, b]) => box[2] < l || box[0] > r || box[3] < t || box[1] > b);
    if (!free && !always) return false;
    this.taken.push(box);
    this.pen.textBaseline = "middle";
    this.pen.textAlign = "left";
    this.pen.lineWidth = 3.5;
    this.pen.lineJoin = "round";
    this.pen.strokeStyle = this.inks.card;
    this.pen.strokeText(text, left, y);
    this.pen.fillStyle = colour;
    this.pen.fillText(text, left, y);
    return true;
  }
}
