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
export function course(values: (number | null)[], at: number | null): SVGElement {
  const [width, height, last] = [72, 20, Math.max(values.length - 1, 1)];
  const x = (i: number) => 2 + ((width - 4) * i) / last;
  const y = (value: number) => height - 2 - (height - 4) * Math.min(Math.max(value, 0), 1);
  const path = values
    .map((value, i) =>
      value === null ? "" : `${i && values[i - 1] !== null ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`,
    )
    .join("");
  const svg = drawn("svg", { class: "course", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  svg.append(drawn("path", { d: `M2 ${height - 2}H${width - 2}`, class: "base" }));
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

/** Returns the row of an item; a click opens the sample's course. */
export function sampleRow(
  store: Store,
  run: string,
  item: Item,
  at: number | null,
  moved: boolean,
  open: (sample: number) => void,
): HTMLElement {
  const values = [
    ...(item.p === null
      ? []
      : [`p(${item.label === null ? "predicted" : "label"}) ${number(Number(item.p.toPrecision(2)))}`]),
    ...(moved && item.moved !== null ? [`moved ${number(Number(item.moved.toPrecision(2)))}`] : []),
  ];
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
    course(item.course, at),
  );
  row.dataset["sample"] = String(item.sample);
  return row;
}
