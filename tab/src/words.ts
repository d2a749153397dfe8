// Numbers and names in the words of the page.

interface Words {
  title: string;
  meaning: string;
  log?: boolean;
}

const QUANTITIES: Record<string, Words> = {
  distance_to_truth: {
    title: "distance to truth [nats per sample]",
    meaning: "how far the predictions are from the labels",
  },
  accuracy: { title: "accuracy", meaning: "the share of samples predicted right" },
  progress: {
    title: "progress from ignorance to truth",
    meaning: "how much of the way from knowing nothing to the labels is done",
  },
  velocity: {
    title: "information velocity [rad per step]",
    meaning: "how fast the predictions change in one optimizer step",
    log: true,
  },
  length: { title: "information length [rad]", meaning: "how far the predictions have gone in all, along the path" },
  displacement: {
    title: "displacement from the first record [rad]",
    meaning: "how far the predictions are from where they began",
  },
  straightness: { title: "straightness", meaning: "1 is a straight path, near 0 a long walk for a short way" },
  roughness: { title: "roughness", meaning: "1 is straight on, ½ a random walk, below that back and forth" },
  entropy: { title: "entropy of the predictions [nats]", meaning: "how undecided the predictions are" },
};
const FIRST = Object.keys(QUANTITIES);

export function quantity(name: string): Words {
  return Object.hasOwn(QUANTITIES, name) ? QUANTITIES[name]! : { title: name.replaceAll("_", " "), meaning: "" };
}

/** Returns names of quantities in the order in which they are offered, those that are not known last. */
export function ordered(names: string[]): string[] {
  const place = (name: string) => (FIRST.indexOf(name) + FIRST.length + 1) % (FIRST.length + 1);
  const known = names.filter((name) => FIRST.includes(name)).sort((a, b) => place(a) - place(b));
  return [...known, ...names.filter((name) => !FIRST.includes(name)).sort()];
}

const GROUPED = new Intl.NumberFormat("en", { maximumFractionDigits: 17 });

/** Returns a number with so many significant digits, without an exponent where that reads well. */
export function number(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const whole = size >= 1 ? Math.floor(Math.log10(size)) + 1 : 0; // digits before the point
  if (whole > Math.max(digits, 6) || (size > 0 && size < 1e-4)) return exponential(value, digits);
  if (Number.isInteger(value)) return GROUPED.format(value);
  if (size >= 1000) return GROUPED.format(Number(value.toPrecision(Math.max(digits, whole))));
  return String(Number(value.toPrecision(digits)));
}

const exponential = (value: number, digits: number): string => Number(value.toPrecision(digits)).toExponential();

/** Returns the number that a text is, as it is typed or as `number` shows it, else null. */
export function numeral(text: string): number | null {
  const grouped = /^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$/.test(text) ? text.replaceAll(",", "") : text;
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(grouped) ? Number(grouped) : null;
}

export const percent = (share: number): string => `${(100 * share).toFixed(share > 0.995 && share < 1 ? 1 : 0)} %`;

/** Returns a count with its noun: "1 run", "12 runs". */
export const counted = (count: number, noun: string): string =>
  `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

/** Returns a text of at most so many characters; its end, which tells runs apart, stays. */
export function short(text: string, most: number): string {
  const letters = [...text];
  if (letters.length <= most) return text;
  const head = Math.floor((most - 1) / 2);
  return `${letters.slice(0, head).join("")}…${letters.slice(letters.length - (most - 1 - head)).join("")}`;
}

/** Returns what a class is called. */
export function className(names: string[] | null, index: number | null): string {
  if (index === null) return "–";
  return names?.[index] ?? String(index);
}

/** What sketches, which have 64 numbers a sample, leave of distances. */
export const SKETCHED = "classes are sketched: distances are compressed beyond about 1 nat, and none exceeds 2.1 nats";
