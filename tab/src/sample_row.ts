// A sample in a list: its picture or index, label, prediction, and the course of its label's probability.
import type { Item } from "./answers";
import { drawn, element } from "./element";
import { address } from "./server";
import type { Store } from "./store";
import { className, number, short } from "./words";

/** Returns a picture of a sample, or its index where there is none. */
export function pictured(store: Store, run: string, sample: number, picture: boolean): HTMLElement {
  const index = element("span", { className: "index", textContent: `#${sample}` });
  const map = store.map;
  if (!picture || !map) return element("span", { className: "picture" }, index);
  const image = element("img", {
    src: address("picture", { map: map.key, run, sample }),
    alt: `sample ${sample}`,
    loading: "lazy",
    onerror: () => image.remove(),
  });
  return element("span", { className: "picture" }, image, index);
}

/** Returns a line of the probability of the label over a run's records, from 0 below to 1 above. */
function course(item: Item, at: number | null): SVGElement {
  const values = item.course;
  const [width, height, last] = [72, 20, Math.max(values.length - 1, 1)];
  const x = (i: number) => 2 + ((width - 4) * i) / last;
  const y = (value: number) => height - 2 - (height - 4) * Math.min(Math.max(value, 0), 1);
  const path = values
    .map((value, i) =>
      value === null ? "" : `${i && values[i - 1] !== null ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`,
    )
    .join("");
  const svg = drawn("svg", { class: "course", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  const of = item.label === null ? "the predicted class" : "the label";
  const bar = at === null ? "" : "; the bar is the record whose samples these are";
  const title = drawn("title", {});
  title.textContent = `p of ${of} from the first record (left) to the last, 0 below, 1 above${bar}`;
  svg.append(title, drawn("path", { d: `M2 ${height - 2}H${width - 2}`, class: "base" }));
  if (at !== null && at >= 0) svg.append(drawn("path", { d: `M${x(at).toFixed(1)} 1V${height - 1}`, class: "now" }));
  svg.append(drawn("path", { d: path, class: "line" }));
  return svg;
}

/** Returns "label → prediction", with what the classes are called. */
export function answered(store: Store, label: number | null, predicted: number): HTMLElement {
  const names = store.map?.class_names ?? null;
  const said = (one: number | null) => short(className(names, one), 22);
  const right = label === predicted;
  const full = `label ${className(names, label)}, predicted ${className(names, predicted)}`;
  if (label === null)
    return element(
      "span",
      { className: "answer", title: `predicted ${className(names, predicted)}` },
      `→ ${said(predicted)}`,
    );
  return element(
    "span",
    { className: `answer ${right ? "right" : "wrong"}`, title: full },
    `${said(label)} → `,
    element("b", { textContent: `${said(predicted)} ${right ? "✓" : "✗"}` }),
  );
}

/** Returns a button that shows more of a list, or fewer again. */
export const moreButton = (whole: boolean, onclick: () => void): HTMLElement =>
  element("button", { type: "button", className: "more", textContent: whole ? "fewer" : "more", onclick });

const known = (value: number | null | undefined): value is number => typeof value === "number";
const rough = (value: number): string => number(value, 2);

// What a list is sorted by comes first.
function valuesOf(item: Item, list: string): string[] {
  const p = known(item.p) ? [`p(${item.label === null ? "predicted" : "label"}) ${rough(item.p)}`] : [];
  const surest = known(item.p_predicted) ? [`p(predicted) ${rough(item.p_predicted)}`] : [];
  const mean = known(item.mean_p) ? [`mean p(label) ${rough(item.mean_p)}`] : [];
  if (list === "moved") return [...(known(item.moved) ? [`moved ${rough(item.moved)} rad`] : []), ...p];
  if (list === "confidently_wrong") return [...surest, ...p];
  if (list === "never_learnt") return [...mean, ...p];
  if (list === "memorised_late") return [...(known(item.since) ? [`right since ${number(item.since)}`] : []), ...mean];
  if (list === "pair") return [...(known(item.distance) ? [`distance ${rough(item.distance)} nats`] : []), ...p];
  return p;
}

/** Returns the row of an item of a list; a click opens the sample's course. */
export function sampleRow(
  store: Store,
  run: string,
  item: Item,
  at: number | null,
  list: string,
  open: (sample: number) => void,
): HTMLElement {
  const values = valuesOf(item, list);
  const row = element(
    "button",
    { type: "button", className: "sample", "aria-label": `sample ${item.sample}`, onclick: () => open(item.sample) },
    pictured(store, run, item.sample, item.picture),
    element(
      "span",
      { className: "words" },
      answered(store, item.label, item.predicted),
      element("span", { className: "soft", textContent: values.join(" · ") }),
      item.other
        ? element("span", {
            className: "soft",
            textContent: `other run: ${short(className(store.map?.class_names ?? null, item.other.predicted), 22)}, p(label) ${number(item.other.p)}`,
          })
        : null,
    ),
    course(item, at),
  );
  row.dataset["sample"] = String(item.sample);
  return row;
}
