  // How a run looks: a colour by what the reader colours by; line and marker tell apart the runs of one colour.
  const SYMBOLS = ["circle", "square", "diamond", "x", "cross", "circle-open", "square-open", "diamond-open"];
  const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
  const STROKES = { solid: "", dash: "6 4", dot: "2 3", dashdot: "6 3 2 3", longdash: "10 4", longdashdot: "10 3 2 3" };
  const VIRIDIS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  const BUCKETS = 12;

  function scale(t) {
    const at = Math.min(Math.max(t, 0), 1) * (VIRIDIS.length - 1), low = Math.min(Math.floor(at), VIRIDIS.length - 2);
    const mixed = VIRIDIS[low].map((c, i) => Math.round(c + (at - low) * (VIRIDIS[low + 1][i] - c)));
    return `rgb(${mixed.join(",")})`;
  }
  // Neither end of the scale may vanish in the background.
  const visible = (t) => scale(dark.matches ? 0.3 + 0.7 * t : 0.9 * t);
  function range(known) {
    const values = known.numbers.filter((value) => value !== null), low = Math.min(...values), high = Math.max(...values);
    const log = low > 0 && high / low >= 50;
    const place = (value) => (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low || 1));
    const back = (t) => (log ? low * (high / low) ** t : low + t * (high - low));
    return { low, high, log, place, back };
  }
  function shaded(colour, level) {
    if (!level) return colour;
    const parts = colour.startsWith("#") ? [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16))
      : colour.match(/\d+/g).map(Number);
    const towards = dark.matches ? 255 : 0, share = level / (level + 2);
    return `rgb(${parts.map((c) => Math.round(c + share * (towards - c))).join(",")})`;
  }
  function looks() {
    const known = keyNamed(choice.key), scaled = known?.numbers ? range(known) : null, used = new Map();
    return RUNS.map((k) => {
      let colour, bucket;
      if (scaled) {
        const value = known.numbers[k], t = value === null ? null : scaled.place(value);
        colour = t === null ? soft() : visible(t);
        bucket = t === null ? "none" : Math.floor(t * BUCKETS);
      } else {
        bucket = (known ? known.values.indexOf(known.texts[k]) : choice.key === "run" ? k : 0) % data.palette.length;
        colour = data.palette[bucket];
      }
      const turn = used.get(bucket) ?? 0;
      used.set(bucket, turn + 1);
      const symbol = Math.floor(turn / DASHES.length);
      return { colour: shaded(colour, Math.floor(symbol / SYMBOLS.length)), dash: DASHES[turn % DASHES.length],
        symbol: SYMBOLS[symbol % SYMBOLS.length] };
    });
  }
  let look = [];

  const SVG = new DOMParser().parseFromString("<svg></svg>", "text/html").querySelector("svg").namespaceURI;
  const SHAPES = { circle: "M21 8a5 5 0 1 1 -10 0a5 5 0 1 1 10 0", square: "M12 4h8v8h-8z", diamond: "M16 2l6 6l-6 6l-6-6z",
    x: "M12 4l8 8M20 4l-8 8", cross: "M16 3v10M11 8h10" };
  function drawn(tag, attributes) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }
  function swatch({ colour, dash, symbol }) {
    const svg = drawn("svg", { width: 32, height: 16, "aria-hidden": "true" });
    const open = symbol.endsWith("-open"), lines = symbol === "x" || symbol === "cross";
    svg.append(
      drawn("path", { d: "M0 8H32", stroke: colour, "stroke-width": 2, "stroke-dasharray": STROKES[dash] }),
      drawn("path", { d: SHAPES[symbol.replace("-open", "")], stroke: colour, "stroke-width": lines || open ? 2 : 0,
        fill: open ? "var(--card)" : lines ? "none" : colour }));
    return svg;
  }
  // What a trace of a run shares in every plot.
  function traced(k, more) {
    const own = look[k], faint = dimmed(k), marked = choice.marked.has(k);
    return { uid: `run-${k}`, name: short(data.runs[k]), text: short(data.runs[k], 60), meta: "runs",
      ...more, opacity: faint ? 0.13 : 0.9, mode: faint ? "lines" : "lines+markers",
      line: { color: faint ? soft() : own.colour, dash: own.dash, width: (marked ? 2 : 1) * (more.line?.width ?? 1.6) },
      marker: { color: faint ? soft() : own.colour, symbol: own.symbol, ...more.marker } };
  }
  // Those that recede are drawn first.
  const order = () => [...RUNS.filter((k) => shown(k) && dimmed(k)), ...RUNS.filter((k) => shown(k) && !dimmed(k))];
