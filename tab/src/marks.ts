// Shapes of records and events, and letters on a ground that lines cross.
import type { Shape } from "./event_look";
import type { Inks, Marker } from "./palette";

export const FONT = "12px Roboto, system-ui, sans-serif";
type Pen = CanvasRenderingContext2D;

// Corners of each shape, in units of its size, a row a line.
const CORNERS: Record<Shape, { lines: string; closed: boolean }> = {
  cross: { lines: "-1,-1 1,1; -1,1 1,-1", closed: false },
  tick: { lines: "-1,0.1 -0.3,0.9 1.1,-0.9", closed: false },
  up: { lines: "0,-1.2 1.1,0.8 -1.1,0.8", closed: true },
  down: { lines: "0,1.2 1.1,-0.8 -1.1,-0.8", closed: true },
  diamond: { lines: "0,-1.25 1.25,0 0,1.25 -1.25,0", closed: true },
  plus: { lines: "-1.2,0 1.2,0; 0,-1.2 0,1.2", closed: false },
  square: { lines: "-1,-1 1,-1 1,1 -1,1", closed: true },
};
const OUTLINES = new Map(
  Object.entries(CORNERS).map(([shape, { lines, closed }]) => [
    shape,
    { closed, lines: lines.split("; ").map((line) => line.split(" ").map((corner) => corner.split(",").map(Number))) },
  ]),
);

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

/** Marks of events: a shape where one began, the same in a ring where it became known. */
export class Marks {
  private paths = new Map<string, Path2D>();

  constructor(
    private pen: Pen,
    private ground: string,
  ) {}

  since(x: number, y: number, r: number, shape: Shape, colour: string): void {
    addShape(this.path(colour), shape, x, y, r);
  }

  known(x: number, y: number, r: number, shape: Shape, colour: string): void {
    const path = this.path(colour);
    path.moveTo(x + r + 2, y);
    path.arc(x, y, r + 2, 0, 2 * Math.PI);
    addShape(path, shape, x, y, 0.55 * r);
  }

  // Marks of one colour are drawn together.
  private path(colour: string): Path2D {
    const path = this.paths.get(colour) ?? new Path2D();
    this.paths.set(colour, path);
    return path;
  }

  draw(): void {
    const { pen } = this;
    for (const [colour, path] of this.paths) {
      pen.strokeStyle = this.ground;
      pen.lineWidth = 4;
      pen.stroke(path);
      pen.strokeStyle = colour;
      pen.lineWidth = 1.6;
      pen.stroke(path);
    }
  }
}

function addShape(path: Path2D, shape: Shape, x: number, y: number, r: number): void {
  const { lines, closed } = OUTLINES.get(shape)!;
  for (const line of lines) {
    line.forEach(([dx = 0, dy = 0], i) => {
      if (i) path.lineTo(x + r * dx, y + r * dy);
      else path.moveTo(x + r * dx, y + r * dy);
    });
    if (closed) path.closePath();
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
    private height: number,
  ) {
    pen.font = FONT;
  }

  /** Writes a text beside a point, on the side where it fits; returns false where it would be cut or cut other letters. */
  beside(text: string, x: number, y: number, colour: string, always = false): boolean {
    if (x < 0 || x > this.width || y < 0 || y > this.height) return false;
    const long = this.pen.measureText(text).width;
    const right = x + 9 + long <= this.width - 4;
    const left = right ? x + 9 : x - 9 - long;
    return left >= 2 && this.write(text, left, Math.min(Math.max(y, 9), this.height - 9), colour, always);
  }

  /** Writes a text from a place on; returns false where it would cut other letters. */
  write(text: string, left: number, y: number, colour: string, always = false): boolean {
    const long = this.pen.measureText(text).width;
    const box: [number, number, number, number] = [left - 4, y - 10, left + long + 4, y + 10]; // letters with their halo
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
