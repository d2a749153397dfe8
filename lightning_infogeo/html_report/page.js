"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const SYMBOLS = ["circle", "square", "diamond", "cross", "x"];
  const DASHES = ["solid", "dash", "dot", "dashdot"];
  const EVENT_SYMBOLS = ["triangle-down", "star", "diamond", "x", "hexagram"];
  const VIRIDIS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

  // Plotly reads some HTML in every text it draws: this makes it show the text as it is.
  const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const short = (text, most = 36) =>
    plain(text.length <= most ? text : text.slice(0, most / 2 - 1) + "…" + text.slice(-most / 2));
  const wrapped = (text, width = 60) => {
    const lines = [""];
    for (const word of String(text).split(/\s+/)) {
      if (lines.at(-1) && lines.at(-1).length + word.length > width) lines.push("");
      lines[lines.length - 1] += (lines.at(-1) ? " " : "") + word;
    }
    return lines.map(plain).join("<br>");
  };
  const number = (value) => (value === null ? "–" : String(Number(value.toPrecision(4))));
  const ink = () => getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
  const line = () => getComputedStyle(document.documentElement).getPropertyValue("--line").trim();
  const card = () => getComputedStyle(document.documentElement).getPropertyValue("--card").trim();

  function choices(select, entries, chosen) {
    select.replaceChildren(...entries.map(([value, text]) => {
      const option = document.createElement("option");
      option.value = value;
      option.textContent = text;
      return option;
    }));
    if (entries.some(([value]) => value === chosen)) select.value = chosen;
  }

  const config = { displaylogo: false, responsive: true, modeBarButtonsToRemove:
    ["sendDataToCloud", "select2d", "lasso2d", "autoScale2d", "tableRotation", "resetCameraLastSave3d"] };
  function layout(more) {
    const base = {
      paper_bgcolor: card(), plot_bgcolor: card(), font: { color: ink(), family: "system-ui, sans-serif", size: 13 },
      margin: { l: 60, r: 10, t: 30, b: 45 }, hovermode: "closest",
      hoverlabel: { align: "left", bgcolor: card(), bordercolor: ink(), font: { color: ink() } },
      legend: { orientation: "h", y: -0.02, yanchor: "top", itemsizing: "constant", font: { size: 12 } },
    };
    return Object.assign(base, more);
  }
  const axis = (more) => Object.assign(
    { gridcolor: line(), zerolinecolor: line(), linecolor: line(), automargin: true }, more);

  // Groups: colours for few values, a scale where values are numbers, and further symbols and dashes for many.
  const numeric = (values) => values.every((text) => text !== "" && Number.isFinite(Number(text)));
  function scale(t) {
    const at = Math.min(Math.max(t, 0), 1) * (VIRIDIS.length - 1), low = Math.min(Math.floor(at), VIRIDIS.length - 2);
    const mixed = VIRIDIS[low].map((c, i) => Math.round(c + (at - low) * (VIRIDIS[low + 1][i] - c)));
    return `rgb(${mixed.join(",")})`;
  }
  function style(g, values) {
    if (values.length > 2 && numeric(values)) {
      const t = g / (values.length - 1);
      return { colour: scale(dark.matches ? 0.2 + 0.8 * t : 0.9 * t), symbol: "circle" };
    }
    const turn = Math.floor(g / data.palette.length);
    return { colour: data.palette[g % data.palette.length], symbol: SYMBOLS[turn % SYMBOLS.length] };
  }
  function grouping() {
    const chosen = byId("key").value;
    if (chosen.startsWith("key:")) return data.keys[Number(chosen.slice(4))];
    if (chosen === "run") return { key: "run", values: data.runs, member: data.runs.map((_, k) => k) };
    return { key: "", values: ["runs"], member: data.runs.map(() => 0) };
  }
  const label = (group, g) => short(group.key === "" || group.key === "run" ? group.values[g]
    : `${group.key.split(".").at(-1)} = ${group.values[g]}`, 48);

  // ---------------------------------------------------------------------------------------------------- the map
  const hasWebGL = (() => {
    try { return Boolean(document.createElement("canvas").getContext("webgl")); } catch { return false; }
  })();
  const VIEWS = [["0,1,2", "3-D"], ["0,1", "PC1 and PC2"], ["0,2", "PC1 and PC3"], ["1,2", "PC2 and PC3"]];
  const axisName = (i) => `PC${i + 1}${data.map.time_like[i] ? " (time-like)" : ""}`;

  function traces(which, points, more) {
    const three = which.length === 3, trace = Object.assign({ type: three ? "scatter3d" : "scatter" }, more);
    which.forEach((i, place) => { trace["xyz"[place]] = points[i]; });
    return trace;
  }
  function hover(j) {
    const { member, steps, progress } = data.map;
    const far = progress === null ? "" : `<br>progress ${number(progress[j])}`;
    return `<b>${short(data.runs[member[j]], 60)}</b><br>step ${steps[j].toLocaleString("en")}${far}`;
  }
  function drawMap() {
    const which = byId("view").value.split(",").map(Number), three = which.length === 3;
    const { axes, member, steps } = data.map, byStep = byId("key").value === "step";
    const group = grouping(), drawn = [];
    group.values.forEach((_, g) => {
      const points = [[], [], []], text = [], at = [], colours = [];
      member.forEach((run, j) => {
        if (group.member[run] !== g) return;
        if (at.length && member[at.at(-1)] !== run) {
          points.forEach((column) => column.push(null));
          text.push(""); colours.push(null);
        }
        points.forEach((column, i) => column.push(axes[i][j]));
        text.push(hover(j)); at.push(j); colours.push(Math.log10(steps[j] + 1));
      });
      if (!at.length) return;
      const { colour, symbol } = style(g, group.values);
      const marker = byStep
        ? { size: three ? 3.5 : 6, color: colours, colorscale: "Viridis", showscale: true,
            colorbar: { title: { text: "step", side: "top" }, thickness: 10, len: 0.5, outlinewidth: 0, ...decades(colours) } }
        : { size: three ? 2.8 : 5, color: colour, symbol, opacity: 0.9 };
      drawn.push(traces(which, points, {
        mode: "lines+markers", name: label(group, g), text, hoverinfo: "text", marker, showlegend: !byStep,
        line: { width: three ? 3 : 1.2, color: byStep ? line() : colour }, opacity: 0.85, meta: "runs",
      }));
    });
    const way = data.map.milestones, last = way[0].length - 1, one = (j) => way.map((column) => [column[j]]);
    const mark = (symbol, size) => ({ symbol, size, color: ink() });
    if (last > 0) drawn.push(traces(which, way, {
      mode: "lines", name: "geodesic", hoverinfo: "name", line: { color: ink(), dash: "dash", width: three ? 4 : 1.5 } }));
    drawn.push(traces(which, one(0), {
      mode: "markers", name: "ignorance P₀", hoverinfo: "name", marker: mark("square", three ? 6 : 10) }));
    if (last > 0) drawn.push(traces(which, one(last), {
      mode: "markers", name: "truth P⁎", hoverinfo: "name", marker: mark("diamond", three ? 7 : 12) }));
    const titled = (i) => axis({ title: { text: axisName(i) } });
    const shape = three
      ? { margin: { l: 0, r: 0, t: 0, b: 10 }, scene: {
          ...Object.fromEntries(which.map((i, p) => [`${"xyz"[p]}axis`, { ...titled(i), backgroundcolor: card() }])),
          aspectmode: "manual", aspectratio: { x: 1.5, y: 1.1, z: 0.85 },
          camera: { eye: { x: 0.75, y: -1.7, z: 0.7 }, center: { x: 0, y: 0, z: -0.1 } } }, uirevision: "map" }
      : { xaxis: titled(which[0]), yaxis: titled(which[1]), legend: { orientation: "h", y: -0.14, yanchor: "top" } };
    return Plotly.react("map", drawn, layout(shape), config);
  }
  function decades(logs) {
    const top = logs.reduce((a, b) => Math.max(a, b ?? 0), 0), values = [...Array(Math.floor(top) + 1).keys()];
    return { tickvals: values, ticktext: values.map((v) => (10 ** v).toLocaleString("en")) };
  }

  // ------------------------------------------------------------------------------------------------ the spectrum
  function drawSpectrum() {
    const { eigenvalues, stress } = data.spectrum, x = eigenvalues.map((_, i) => i + 1);
    const colour = eigenvalues.map((v) => (v < 0 ? data.palette[1] : data.palette[0]));
    const bars = { type: "bar", x, y: eigenvalues, marker: { color: colour }, name: "eigenvalue", hoverinfo: "x+y" };
    const curve = { type: "scatter", mode: "lines+markers", x, y: stress, yaxis: "y2", name: "explained stress",
      line: { color: ink(), width: 1.5 }, marker: { size: 5 }, hovertemplate: "%{y:.1%}<extra></extra>" };
    const biggest = Math.max(...eigenvalues.map(Math.abs), 1e-12);
    const low = Math.min(...eigenvalues, 0) / biggest;
    const under = low < -0.02 ? -low * 1.1 : 0.02;
    return Plotly.react("spectrum", [bars, curve], layout({
      xaxis: axis({ title: { text: "axis" }, dtick: 1 }), showlegend: false,
      yaxis: axis({ title: { text: "eigenvalue" }, domain: [0, 0.58], range: [-under * biggest, 1.08 * biggest] }),
      yaxis2: axis({ title: { text: "explained stress" }, domain: [0.66, 1], range: [0, 1.03], tickformat: ".0%" }),
    }), config);
  }

  // -------------------------------------------------------------------------------------------------- the curves
  function seriesChosen() {
    const value = byId("series").value;
    return value === "all" ? data.series.filter((one) => one.kind === "probes") : [data.series[Number(value)]];
  }
  function offerQuantities() {
    const series = seriesChosen();
    const there = new Set(series.flatMap((one) => one.curves.flatMap((curve) => Object.keys(curve.values))));
    const known = data.quantities[series.length ? series[0].kind : "probes"];
    choices(byId("quantity"), Object.keys(known).filter((name) => there.has(name))
      .map((name) => [name, known[name].label]), byId("quantity").value);
  }
  function near(curve, step) {
    let best = 0;
    curve.steps.forEach((at, j) => { if (Math.abs(at - step) < Math.abs(curve.steps[best] - step)) best = j; });
    return best;
  }
  function drawCurves() {
    const series = seriesChosen(), name = byId("quantity").value, group = grouping(), drawn = [];
    if (!series.length || !name) return;
    const { label: title, scale: kind } = data.quantities[series[0].kind][name];
    series.forEach((one, s) => group.values.forEach((_, g) => {
      const x = [], y = [], text = [];
      for (const curve of one.curves) {
        if (group.member[curve.run] !== g || !(name in curve.values)) continue;
        if (x.length) { x.push(null); y.push(null); text.push(""); }
        curve.steps.forEach((step, j) => {
          x.push(step + 1);
          y.push(curve.values[name][j]);
          text.push(`<b>${short(data.runs[curve.run], 60)}</b> ${short(one.name)}<br>step ${step.toLocaleString("en")}`
            + `<br>${number(curve.values[name][j])}`);
        });
      }
      if (!x.length) return;
      const own = group.key === "" ? { colour: data.palette[s % data.palette.length] } : style(g, group.values);
      const called = group.key === "" ? short(one.name) : label(group, g) + (series.length > 1 ? `, ${short(one.name)}` : "");
      drawn.push({ type: "scatter", mode: "lines", x, y, text, hoverinfo: "text", name: called, meta: "runs",
        line: { color: own.colour, width: 1.6, dash: group.key === "" ? "solid" : DASHES[s % DASHES.length] } });
    }));
    if (byId("events-shown").checked) drawn.push(...eventMarks(series, name));
    return Plotly.react("curves", drawn, layout({
      xaxis: axis({ type: "log", title: { text: "optimizer steps + 1" }, exponentformat: "power" }),
      yaxis: axis({ type: kind, title: { text: plain(title) }, exponentformat: "power" }),
      legend: { orientation: "h", y: -0.2, yanchor: "top", font: { size: 12 } },
    }), config);
  }
  function eventMarks(series, name) {
    const kinds = [...new Set(data.events.map((event) => event.name))];
    return kinds.map((kind, n) => {
      const x = [], y = [], text = [];
      for (const event of data.events) {
        if (event.name !== kind || event.step === null) continue;
        // An event of a probe that is not shown, or of the network, is marked on the curves that are.
        const own = series.filter((one) => one.name === event.probe);
        for (const one of own.length ? own : series) {
          const curve = one.curves.find((c) => c.run === event.run && name in c.values);
          if (!curve) continue;
          x.push(event.step + 1);
          y.push(curve.values[name][near(curve, event.step)]);
          text.push(`<b>${short(event.name)}</b> on ${short(event.probe)} at step ${event.step.toLocaleString("en")}`
            + `<br>${short(data.runs[event.run], 60)}<br>${wrapped(event.message)}`);
        }
      }
      return { type: "scatter", mode: "markers", x, y, text, hoverinfo: "text", name: short(kind), meta: "events",
        marker: { symbol: EVENT_SYMBOLS[n % EVENT_SYMBOLS.length], size: 11, color: ink(), line: { color: card(), width: 1.5 } } };
    }).filter((trace) => trace.x.length);
  }

  // ----------------------------------------------------------------------------------------------- the distances
  function drawDistances() {
    const found = data.distances;
    if (!found) { byId("distances-section").remove(); return; }
    const count = found.order.length, names = found.order.map((k) => data.runs[k]), places = names.map((_, i) => i);
    const height = Math.max(340, Math.min(900, 120 + 17 * count));
    byId("distances").style.height = `${height}px`;
    const drawn = found.tree.map(([along, across]) => ({
      type: "scatter", mode: "lines", x: across, y: along, line: { color: ink(), width: 1.2 }, meta: "tree",
      showlegend: false, hovertemplate: "joined at %{x:.4g} nats<extra></extra>" }));
    const group = grouping(), styles = found.order.map((k) => style(group.member[k], group.values));
    drawn.push({ type: "scatter", mode: "markers", x: places.map(() => 0), y: places, hoverinfo: "text", meta: "leaves",
      text: names.map((name) => short(name, 60)), showlegend: false, cliponaxis: false,
      marker: { color: styles.map((own) => own.colour), symbol: styles.map((own) => own.symbol), size: count > 60 ? 5 : 9 } });
    const heat = found.table !== null, few = count <= 60;
    if (heat) drawn.push({
      type: "heatmap", z: found.table, x: places, y: places, xaxis: "x2", colorscale: "Cividis", hoverinfo: "text",
      text: found.table.map((row, i) => row.map((d, j) => `${short(names[i])}<br>${short(names[j])}<br>${number(d)} nats`)),
      colorbar: { title: { text: "nats", side: "top" }, thickness: 12, outlinewidth: 0 } });
    const shapes = found.null === null ? [] : [{ type: "line", x0: found.null, x1: found.null, yref: "paper", y0: 0, y1: 1,
      line: { dash: "dash", width: 1, color: ink() } }];
    return Plotly.react("distances", drawn, layout({
      shapes,
      xaxis: axis({ domain: [0, heat ? 0.33 : 1], autorange: "reversed", title: { text: "distance when joined [nats]" }, rangemode: "tozero" }),
      xaxis2: axis({ domain: [few ? 0.5 : 0.36, 1], showticklabels: false, showgrid: false, ticks: "" }),
      yaxis: axis({ range: [-0.5, count - 0.5], tickvals: few ? places : [], ticktext: names.map((name) => short(name, 30)),
        side: "right", showgrid: false, zeroline: false, anchor: "x" }),
    }), config);
  }

  // ------------------------------------------------------------------------------------------------- the neurons
  function drawNeurons() {
    if (!data.neurons.length) { byId("neurons-section")?.remove(); return; }
    const one = data.neurons[Number(byId("layer").value)], view = byId("neuron-view").value, graph = one.graph;
    const logs = (steps) => steps.map((step) => Math.log10(step + 1));
    const bar = (colours) => ({ title: { text: "step", side: "top" }, thickness: 10, len: 0.6, outlinewidth: 0, ...decades(colours) });
    const drawn = [], some = one.neurons < one.all ? `${one.neurons} of ${one.all}` : String(one.all);
    let shape, caption;
    if (view === "paths") {
      const flat = [[], [], []], colours = [], text = [];
      one.paths[0].forEach((_, neuron) => {
        one.steps.forEach((step, j) => {
          flat.forEach((column, i) => column.push(one.paths[i][neuron][j]));
          colours.push(Math.log10(step + 1)); text.push(`neuron ${neuron}<br>step ${step.toLocaleString("en")}`);
        });
        flat.forEach((column) => column.push(null)); colours.push(null); text.push("");
      });
      const which = hasWebGL ? [0, 1, 2] : [0, 1];
      drawn.push(traces(which, flat, { mode: "lines+markers", text, hoverinfo: "text", meta: "neurons",
        line: { color: line(), width: 1.5 },
        marker: { size: 2.5, color: colours, colorscale: "Viridis", showscale: true, colorbar: bar(colours) } }));
      const titled = (i) => axis({ title: { text: `PC${i + 1}` } });
      shape = hasWebGL ? { margin: { l: 0, r: 0, t: 0, b: 10 }, uirevision: "neurons", scene: {
        xaxis: titled(0), yaxis: titled(1), zaxis: titled(2), aspectmode: "cube" } } : { xaxis: titled(0), yaxis: titled(1) };
      caption = `Incoming weights of ${some} neurons through training, on the principal axes of their cloud.`;
    } else if (view === "graph") {
      const colours = logs(graph.step), biggest = Math.max(...graph.size);
      [[1, "solid", line()], [0, "dash", data.palette[1]]].forEach(([kind, dash, colour]) => {
        const x = [], y = [];
        graph.edges.filter((edge) => edge[2] === kind).forEach(([a, b]) => {
          x.push(graph.x[a], graph.x[b], null); y.push(graph.y[a], graph.y[b], null);
        });
        if (x.length) drawn.push({ type: "scatter", mode: "lines", x, y, hoverinfo: "skip", meta: "edges",
          line: { dash, color: colour, width: 1.2 } });
      });
      drawn.push({ type: "scatter", mode: "markers", x: graph.x, y: graph.y, hoverinfo: "text", meta: "nodes",
        text: graph.size.map((size, k) => `${size} points<br>median step ${number(graph.step[k])}`),
        marker: { color: colours, colorscale: "Viridis", showscale: true, colorbar: bar(colours),
          size: graph.size.map((size) => 5 + 18 * Math.sqrt(size / biggest)), line: { width: 0.5, color: card() } } });
      shape = { xaxis: axis({ visible: false }), yaxis: axis({ visible: false }) };
      caption = `Learning graph (Mapper) of ${some} neurons: components ${graph.components}, independent cycles `
        + `${graph.cycle_rank}, leaves ${graph.leaves}. From left to right: hops from where training begins.`;
    } else {
      drawn.push({ type: "scatter", mode: "lines", x: one.steps.map((step) => step + 1), y: one.clusters, meta: "capacity",
        line: { color: data.palette[0], width: 1.8, shape: "hv" }, hovertemplate: "%{y} clusters<extra></extra>" });
      shape = { xaxis: axis({ type: "log", title: { text: "optimizer steps + 1" }, exponentformat: "power" }),
        yaxis: axis({ title: { text: "distinct clusters" }, rangemode: "tozero" }) };
      caption = `Effective capacity: distinct clusters among ${some} neurons.`;
    }
    byId("neurons-caption").textContent = caption;
    return Plotly.react("neurons", drawn, layout({ showlegend: false, ...shape }), config);
  }
  function offerViews() {
    const one = data.neurons[Number(byId("layer").value)];
    choices(byId("neuron-view"), [["paths", "paths"], ...(one.graph ? [["graph", "learning graph"]] : []),
      ["capacity", "capacity"]], byId("neuron-view").value);
  }

  // ------------------------------------------------------------------------------------------------------ tables
  function sortable(head) {
    head.addEventListener("click", () => {
      const body = head.closest("table").tBodies[0], i = head.cellIndex, up = head.dataset.up !== "1";
      head.dataset.up = up ? "1" : "0";
      const value = (row) => row.cells[i].textContent;
      const order = (a, b) => {
        const [x, y] = [Number(value(a)), Number(value(b))];
        if (Number.isNaN(x) || Number.isNaN(y)) return value(a).localeCompare(value(b), "en", { numeric: true });
        return x - y;
      };
      body.append(...[...body.rows].sort((a, b) => (up ? order(a, b) : order(b, a))));
    });
  }

  function drawAll() {
    return Promise.all([drawMap(), drawSpectrum(), drawCurves(), drawDistances(), drawNeurons()]);
  }
  const single = data.runs.length === 1;
  const keys = data.keys.map((one, i) => [`key:${i}`, one.key]);
  choices(byId("key"), [...keys, ["run", "run"], ["step", "step"]], keys.length ? "key:0" : single ? "step" : "run");
  choices(byId("view"), hasWebGL ? VIEWS : VIEWS.slice(1), VIEWS[hasWebGL ? 0 : 1][0]);
  const probes = data.series.filter((one) => one.kind === "probes").length;
  choices(byId("series"), [...(probes > 1 ? [["all", "all probes"]] : []),
    ...data.series.map((one, i) => [String(i), one.name])]);
  offerQuantities();
  if (data.neurons.length) {
    choices(byId("layer"), data.neurons.map((one, i) => [String(i), one.name]), "0");
    offerViews();
    byId("layer").addEventListener("change", () => { offerViews(); drawNeurons(); });
    byId("neuron-view").addEventListener("change", drawNeurons);
  }
  byId("key").addEventListener("change", drawAll);
  byId("view").addEventListener("change", drawMap);
  byId("series").addEventListener("change", () => { offerQuantities(); drawCurves(); });
  byId("quantity").addEventListener("change", drawCurves);
  byId("events-shown").addEventListener("change", drawCurves);
  dark.addEventListener("change", drawAll);
  document.querySelectorAll("th").forEach(sortable);
  drawAll().then(() => { document.body.dataset.drawn = "1"; });
})();
