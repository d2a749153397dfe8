// How fluent the map is, measured by the page itself.
import { turned } from "./camera";
import type { Store } from "./store";

export interface Frames {
  frames: number;
  seconds: number;
  perSecond: number;
  longest: number; // ms between two frames
  runs: number;
  records: number;
}

/** Rotates the map for some time and returns how many frames were drawn; the camera is put back. */
export function countFrames(store: Store, seconds = 2): Promise<Frames> {
  const before = store.choice.camera;
  return new Promise((done) => {
    let [start, last, frames, longest] = [0, 0, 0, 0];
    const next = (now: number) => {
      if (!start) start = last = now;
      else {
        frames++;
        longest = Math.max(longest, now - last);
        last = now;
      }
      if (now - start < 1000 * seconds) {
        store.choose({ camera: turned(store.choice.camera, 0.02, 0) }, "camera");
        requestAnimationFrame(next);
        return;
      }
      store.choose({ camera: before }, "camera");
      const passed = (now - start) / 1000;
      const records = store.shown.reduce((sum, name) => sum + store.past(name).length, 0);
      done({ frames, seconds: passed, perSecond: frames / passed, longest, runs: store.shown.length, records });
    };
    requestAnimationFrame(next);
  });
}
