// From values to shares of an axis and back, and where its marks stand.

/** Returns where a value lies between two others, 0 to 1; logarithmic scales begin at zero, through ln(1 + x). */
export function spread(value: number, low: number, high: number, log: boolean): number {
  if (!log) return (value - low) / (high - low);
  const unit = unitOf(high);
  const place = (x: number) => Math.log1p(Math.max(x, 0) / unit);
  return (place(value) - place(low)) / (place(high) - place(low) || 1);
}

export function unspread(share: number, low: number, high: number, log: boolean): number {
  if (!log) return low + share * (high - low);
  const unit = unitOf(high);
  const [from, to] = [Math.log1p(Math.max(low, 0) / unit), Math.log1p(Math.max(high, 0) / unit)];
  return unit * Math.expm1(from + share * (to - from));
}

// Steps count from 1; what ends below 10, as minutes or progress may, is spread over two decades instead.
const unitOf = (high: number): number => (high >= 10 ? 1 : high / 100 || 1);

/** Returns round values between two others, about so many. */
export function ticks(low: number, high: number, about: number): number[] {
  const rough = (high - low) / about;
  if (!(rough > 0) || !Number.isFinite(rough)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough)!;
  const found: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++)
    found.push(Number((i * step).toPrecision(12)));
  return found;
}

/** Returns powers of ten between two others; where they are few, also their multiples by two and five. */
export function decades(low: number, high: number): number[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const factors = last - first <= 2 ? [1, 2, 5] : [1];
  const found: number[] = [];
  for (let power = first; power <= last; power++) {
    for (const factor of factors) {
      const value = Number((factor * 10 ** power).toPrecision(3));
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) found.push(value);
    }
  }
  return found;
}
