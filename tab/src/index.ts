// What TensorBoard calls when the tab is opened.
import { element } from "./element";
import { countFrames, type Frames } from "./frames";
import { Page } from "./page";
import { Refresh } from "./refresh";
import { Store } from "./store";
import style from "./style.css";
import { followTheme } from "./theme";

/** What tests and the curious can ask the page. */
interface Inspection {
  frames(seconds?: number): Promise<Frames>;
  where(run: string, step: number): [number, number] | null;
  drawn(): { map: string[]; curves: string[] };
  records(): number;
  revision(): string | null;
  reading(): number;
  coordinates(run: string): number[][];
}
declare global {
  interface Window {
    infogeo: Inspection;
  }
}

export async function render(): Promise<void> {
  const store = new Store();
  let refresh: Refresh | null = null;
  const page = new Page(store, () => void refresh?.now());
  document.documentElement.lang = "en";
  document.head.append(element("style", { textContent: style }));
  document.body.replaceChildren(page.node);
  window.infogeo = {
    frames: (seconds) => countFrames(store, seconds),
    where: (run, step) => page.map.where(run, step),
    drawn: () => ({ map: page.map.painted?.runs ?? [], curves: page.curves.runs }),
    records: () => page.map.painted?.records.length ?? 0,
    revision: () => store.records?.answer.revision ?? null,
    reading: () => store.reading,
    coordinates: (run) =>
      (store.records?.runs.get(run)?.records ?? []).map((record) => store.records!.answer.coordinates[record]!),
  };
  followTheme(store);
  refresh = new Refresh(store);
  await refresh.now();
}
