// From the three axes of the map to the plane of the screen.
import type { Point } from "./answers";

export interface Camera {
  yaw: number; // rad, about the third axis
  pitch: number; // rad, above the plane of the first two
  zoom: number;
  x: number; // shift of the middle, in widths of the map
  y: number;
}

/** The box around all points: its middle, and its size, which is that of the longest side. */
export interface Frame {
  low: Point;
  high: Point;
  middle: Point;
  span: number;
  sides: Point;
  radius: number; // of the upright cylinder about the middle that holds all points
}

export function frameOf(all: Point[]): Frame {
  const low: Point = [Infinity, Infinity, Infinity];
  const high: Point = [-Infinity, -Infinity, -Infinity];
  for (const point of all) {
    for (let axis = 0; axis < 3; axis++) {
      low[axis] = Math.min(low[axis]!, point[axis]!);
      high[axis] = Math.max(high[axis]!, point[axis]!);
    }
  }
  if (!Number.isFinite(low[0]))
    return { low: [0, 0, 0], high: [1, 1, 1], middle: [0.5, 0.5, 0.5], span: 1, sides: [1, 1, 1], radius: 0.7 };
  const middle = low.map((value, axis) => (value + high[axis]!) / 2) as Point;
  const sides = low.map((value, axis) => high[axis]! - value) as Point;
  let radius = 0;
  for (const point of all) radius = Math.max(radius, Math.hypot(point[0] - middle[0], point[1] - middle[1]));
  return { low, high, middle, span: Math.max(...sides) || 1, sides, radius };
}

export type Projection = (x: number, y: number, z: number) => [number, number];

/** Returns the projection onto a surface of a size in pixels; flat shows the first two axes as they are. */
export function projection(camera: Camera, frame: Frame, flat: boolean, width: number, height: number): Projection {
  const [mx, my, mz] = frame.middle;
  const across = width / 2 + camera.x * width;
  const down = height / 2 + camera.y * height;
  if (flat) {
    const margin = 0.8; // letters of the axes' ends stand outside the box
    const room = Math.min(width / (frame.sides[0] || frame.span), height / (frame.sides[1] || frame.span));
    const scale = camera.zoom * margin * room;
    return (x, y) => [across + scale * (x - mx), down - scale * (y - my)];
  }
  const [cy, sy, cp, sp] = [Math.cos(camera.yaw), Math.sin(camera.yaw), Math.cos(camera.pitch), Math.sin(camera.pitch)];
  // What the points can take up at this pitch, whatever the yaw: so nothing leaves the map, and nothing swells as it turns.
  const wide = 2 * frame.radius || frame.span;
  const high = frame.sides[2] * cp + wide * Math.abs(sp) || frame.span;
  const scale = camera.zoom * Math.min((0.84 * width) / wide, (0.86 * height) / high);
  return (x, y, z) => {
    const [dx, dy, dz] = [x - mx, y - my, z - mz];
    return [across + scale * (dx * cy - dy * sy), down - scale * (dz * cp - (dx * sy + dy * cy) * sp)];
  };
}

const upright = (pitch: number): number => Math.min(Math.max(pitch, -Math.PI / 2), Math.PI / 2);

export function turned(camera: Camera, across: number, down: number): Camera {
  return { ...camera, yaw: camera.yaw + across, pitch: upright(camera.pitch + down) };
}

export function zoomed(camera: Camera, factor: number): Camera {
  return { ...camera, zoom: Math.min(Math.max(camera.zoom * factor, 0.3), 40) };
}
