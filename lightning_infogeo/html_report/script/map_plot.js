  // The map of predictions, and the spectrum of its axes.
  const hasWebGL = (() => {
    try { return Boolean(document.createElement("canvas").getContext("webgl")); } catch { return false; }
  })();
  const FLAT = [["0,1", "PC1 and PC2"], ["0,2", "PC1 and PC3"], ["1,2", "PC2 and PC3"]];
  const SPACE = ["0,1,2", "3-D"];
  const flatFirst = RUNS.length > 40 || innerWidth < 600;  // slow to draw, or cut off
  const VIEWS = !hasWebGL ? FLAT : flatFirst ? [...FLAT, SPACE] : [SPACE, ...FLAT];
  const axisName = (i) => `PC${i + 1}${data.map.time_like[i] ? " (time-like)" : ""}`;

  function traces(which, points, more) {
    const three = which.length === 3, trace = Object.assign({ type: three ? "scatter3d" : "scatter" }, more);
    which.forEach((i, place) => { trace["xyz"[place]] = points[i]; });
    return trace;
  }
  function drawMap() {
    const which = choice.view.split(",").map(Number), three = which.length === 3, byStep = choice.key === "step";
    const axes = data.map.axes.map(numbers), many = RUNS.length > 40;
    const said = `<b>%{text}</b><br>step %{customdata[0]:,}${mapProgress ? "<br>progress %{customdata[1]:.4g}" : ""}`;
    const list = order().map((k) => {
      const from = starts[k], end = upTo(mapSteps, from, starts[k + 1], lastOf(k));
      const rows = [], logs = [];
      for (let j = from; j < end; j += 1) {
        rows.push([mapSteps[j], mapProgress ? mapProgress[j] : 0]);
        if (byStep) logs.push(Math.log10(mapSteps[j] + 1));
      }
      const stepped = byStep && !dimmed(k) ? { color: logs, coloraxis: "coloraxis" } : {};
      const marker = three ? { size: 2.8, ...stepped }
        : { size: byStep ? 6 : 5, ...(many && !byStep ? { maxdisplayed: 8 } : {}), ...stepped };
      const trace = traced(k, { customdata: rows, hovertemplate: `${said}<extra></extra>`,
        line: { width: three ? 3 : 1.2 }, marker });
      if (byStep) trace.line.color = line();
      return traces(which, axes.map((column) => column.subarray(from, end)), trace);
    });
    const way = data.map.milestones.map(numbers), last = way[0].length - 1, one = (j) => way.map((column) => [column[j]]);
    const mark = (symbol, size) => ({ symbol, size, color: ink() });
    if (last > 0) list.push(traces(which, way, {
      mode: "lines", name: "geodesic", hoverinfo: "name", line: { color: ink(), dash: "dash", width: three ? 4 : 1.5 } }));
    list.push(traces(which, one(0), {
      mode: "markers", name: "ignorance P₀", hoverinfo: "name", marker: mark("square", three ? 6 : 10) }));
    if (last > 0) list.push(traces(which, one(last), {
      mode: "markers", name: "truth P⁎", hoverinfo: "name", marker: mark("diamond", three ? 7 : 12) }));
    // The axes stay as they are while runs are hidden and time is cut: only so can two states be compared.
    const extent = (i) => {
      let low = Infinity, high = -Infinity;
      for (const column of [axes[i], way[i]]) for (const value of column) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
      const room = 0.05 * (high - low || 1);
      return [low - room, high + room];
    };
    const titled = (i) => axis({ title: { text: axisName(i) }, range: extent(i) });
    const top = Math.log10(lastStep + 1);
    const coloraxis = { colorscale: "Viridis", cmin: 0, cmax: top, colorbar: {
      title: { text: "step", side: "top" }, thickness: 10, len: 0.6, outlinewidth: 0, ...decades(top) } };
    const shape = three
      ? { margin: { l: 0, r: 0, t: 0, b: 10 }, scene: {
          ...Object.fromEntries(which.map((i, p) => [`${"xyz"[p]}axis`, { ...titled(i), backgroundcolor: card() }])),
          aspectmode: "manual", aspectratio: { x: 1.5, y: 1.1, z: 0.85 },
          camera: { eye: { x: 0.75, y: -1.7, z: 0.7 }, center: { x: 0, y: 0, z: -0.1 } } } }
      : { xaxis: titled(which[0]), yaxis: titled(which[1]) };
    return Plotly.react("map", list, layout({ ...shape, coloraxis, uirevision: choice.view }), config);
  }

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
      xaxis: axis({ title: { text: "axis" }, dtick: 1 }),
      yaxis: axis({ title: { text: "eigenvalue" }, domain: [0, 0.58], range: [-under * biggest, 1.08 * biggest] }),
      yaxis2: axis({ title: { text: "explained stress" }, domain: [0.66, 1], range: [0, 1.03], tickformat: ".0%" }),
    }), config);
  }
