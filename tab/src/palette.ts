// Colours that keep a contrast of 3 or more with white and with TensorBoard's dark ground, and are told apart with any
// kind of colour vision; they are those of lightning_infogeo/figures/palette.py.

export const LINES = ["#2A86C8", "#009E73", "#B07A00", "#7F78D2", "#C46A9C"] as const;
export const INK = "#858585";
export const VERMILION = "#D55E00"; // of overfitting alone

const VIRIDIS = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
] as const;
export const SHADES = 16; // of a scale: lines of one shade are drawn in one stroke

/** Returns the colour of a share of a scale; the end that would vanish in the ground is left out. */
export function shade(share: number, dark: boolean): string {
  const level = Math.min(Math.max(Math.round(share * (SHADES - 1)), 0), SHADES - 1) / (SHADES - 1);
  const at = (dark ? 0.5 + 0.5 * level : 0.56 * level) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(at), VIRIDIS.length - 2);
  const mixed = VIRIDIS[low]!.map((channel, i) => Math.round(channel + (at - low) * (VIRIDIS[low + 1]![i]! - channel)));
  return `rgb(${mixed.join(",")})`;
}

export const MARKERS = ["circle", "square", "diamond", "triangle"] as const;
export type Marker = (typeof MARKERS)[number];
export const DASHES: number[][] = [[], [6, 4], [2, 3]];

/** How a run looks wherever it is drawn. */
export interface Look {
  colour: string;
  marker: Marker;
  dash: number[];
}

/** Returns the look of the `turn`-th run of one colour; twelve are told apart by their markers and dashes. */
export function lookOf(colour: string, turn: number): Look {
  const dash = DASHES[turn % DASHES.length]!;
  return { colour, marker: MARKERS[turn % MARKERS.length]!, dash };
}

/** The inks of the page's ground. */
export interface Inks {
  dark: boolean;
  ink: string;
  soft: string;
  line: string;
  card: string;
  mark: string;
  bad: string;
}
export const INKS: Record<"light" | "dark", Inks> = {
  light: {
    dark: false,
    ink: "#1f2328",
    soft: "#59636e",
    line: "#d8dee4",
    card: "#ffffff",
    mark: "#0072b2",
    bad: "#b3261e",
  },
  dark: {
    dark: true,
    ink: "#eeeeee",
    soft: "#b4b9be",
    line: "#555555",
    card: "#303030",
    mark: "#56b4e9",
    bad: "#ff9a90",
  },
};
