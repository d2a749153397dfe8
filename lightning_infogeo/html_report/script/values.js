  // What the page was given, and how numbers, texts and colours are written.
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const ARRAYS = { f4: Float32Array, i4: Int32Array, f8: Float64Array };

  // Numbers travel as base64 of their bytes, little-endian, and are decoded when they are first drawn.
  const decoded = new WeakMap();
  function numbers(packed) {
    if (Array.isArray(packed)) return packed;
    if (!decoded.has(packed)) {
      const [kind, text] = Object.entries(packed)[0];
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      decoded.set(packed, new ARRAYS[kind](bytes.buffer));
    }
    return decoded.get(packed);
  }

  // Plotly reads some HTML in every text it draws: this makes it show the text as it is.
  const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const cut = (text, most) => (text.length <= most ? text : text.slice(0, most / 2 - 1) + "…" + text.slice(-most / 2));
  const short = (text, most = 36) => plain(cut(text, most));
  const wrapped = (text, width = 60) => {
    const lines = [""];
    for (const word of String(text).split(/\s+/)) {
      if (lines.at(-1) && lines.at(-1).length + word.length > width) lines.push("");
      lines[lines.length - 1] += (lines.at(-1) ? " " : "") + word;
    }
    return lines.map(plain).join("<br>");
  };
  const number = (value) =>
    (value === null || !Number.isFinite(value) ? "–" : String(Number(value.toPrecision(4))));
  const whole = (value) => value.toLocaleString("en");
  const coloured = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const ink = () => coloured("--ink"), line = () => coloured("--line"), card = () => coloured("--card");
  const soft = () => coloured("--soft");

  function element(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }
  function choices(select, entries, chosen) {
    select.replaceChildren(...entries.map(([value, text]) => element("option", { value, textContent: text })));
    if (entries.some(([value]) => value === chosen)) select.value = chosen;
  }

  const config = { displaylogo: false, responsive: true, modeBarButtonsToRemove:
    ["sendDataToCloud", "select2d", "lasso2d", "autoScale2d", "tableRotation", "resetCameraLastSave3d"] };
  const narrow = () => window.innerWidth < 700;
  // There is no legend in any plot: the list of runs is that of all of them.
  const layout = (more) => Object.assign({
    paper_bgcolor: card(), plot_bgcolor: card(), font: { color: ink(), family: "system-ui, sans-serif", size: 13 },
    margin: { l: narrow() ? 45 : 60, r: 10, t: 34, b: 45 }, hovermode: "closest", showlegend: false,
    hoverlabel: { align: "left", bgcolor: card(), bordercolor: ink(), font: { color: ink() } },
  }, more);
  const axis = (more) => Object.assign(
    { gridcolor: line(), zerolinecolor: line(), linecolor: line(), automargin: true }, more);
  function decades(top) {
    const values = [...Array(Math.floor(top) + 1).keys()];
    return { tickvals: values, ticktext: values.map((v) => whole(10 ** v)) };
  }
