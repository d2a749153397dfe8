  // The neurons of a layer: paths, learning graph, capacity.
  const layerShown = () => data.neurons[Number(byId("layer").value)];
  function drawNeurons() {
    const one = layerShown(), view = byId("neuron-view").value, graph = one.graph, last = lastOf(one.run);
    const top = Math.log10(one.steps.at(-1) + 1), end = upTo(one.steps, 0, one.steps.length, last);
    const coloraxis = { colorscale: "Viridis", cmin: 0, cmax: top, colorbar: {
      title: { text: "step", side: "top" }, thickness: 10, len: 0.6, outlinewidth: 0, ...decades(top) } };
    const list = [], some = one.neurons < one.all ? `${one.neurons} of ${one.all}` : String(one.all);
    const opacity = dimmed(one.run) ? 0.2 : 1, visibly = shown(one.run);
    let shape, caption;
    if (view === "paths") {
      const flat = [[], [], []], colours = [], text = [];
      one.paths[0].forEach((_, neuron) => {
        one.steps.slice(0, end).forEach((step, j) => {
          flat.forEach((column, i) => column.push(one.paths[i][neuron][j]));
          colours.push(Math.log10(step + 1)); text.push(`neuron ${neuron}<br>step ${whole(step)}`);
        });
        flat.forEach((column) => column.push(null)); colours.push(null); text.push("");
      });
      const which = hasWebGL ? [0, 1, 2] : [0, 1];
      list.push(traces(which, flat, { mode: "lines+markers", text, hoverinfo: "text", meta: "neurons", opacity,
        line: { color: line(), width: 1.5 }, marker: { size: 2.5, color: colours, coloraxis: "coloraxis" } }));
      const titled = (i) => axis({ title: { text: `PC${i + 1}` } });
      shape = hasWebGL ? { margin: { l: 0, r: 0, t: 0, b: 10 }, scene: {
        xaxis: titled(0), yaxis: titled(1), zaxis: titled(2), aspectmode: "cube" } } : { xaxis: titled(0), yaxis: titled(1) };
      caption = `Incoming weights of ${some} neurons through training, on the principal axes of their cloud.`;
    } else if (view === "graph") {
      const nodes = graph.step.map((step, k) => k).filter((k) => graph.step[k] <= last), there = new Set(nodes);
      const biggest = Math.max(...graph.size), of = (values) => nodes.map((k) => values[k]);
      [[1, "solid", line()], [0, "dash", data.palette[1]]].forEach(([kind, dash, colour]) => {
        const x = [], y = [];
        graph.edges.filter(([a, b, own]) => own === kind && there.has(a) && there.has(b)).forEach(([a, b]) => {
          x.push(graph.x[a], graph.x[b], null); y.push(graph.y[a], graph.y[b], null);
        });
        if (x.length) list.push({ type: "scatter", mode: "lines", x, y, hoverinfo: "skip", meta: "edges", opacity,
          line: { dash, color: colour, width: 1.2 } });
      });
      list.push({ type: "scatter", mode: "markers", x: of(graph.x), y: of(graph.y), hoverinfo: "text", meta: "nodes", opacity,
        text: nodes.map((k) => `${graph.size[k]} points<br>median step ${number(graph.step[k])}`),
        marker: { color: of(graph.step).map((step) => Math.log10(step + 1)), coloraxis: "coloraxis",
          size: of(graph.size).map((size) => 5 + 18 * Math.sqrt(size / biggest)), line: { width: 0.5, color: card() } } });
      shape = { xaxis: axis({ visible: false }), yaxis: axis({ visible: false }) };
      caption = `Learning graph (Mapper) of ${some} neurons: components ${graph.components}, independent cycles `
        + `${graph.cycle_rank}, leaves ${graph.leaves}. From left to right: hops from where training begins.`;
    } else {
      list.push({ type: "scatter", mode: "lines", x: one.steps.slice(0, end).map((step) => xOf(one.run, step)),
        y: one.clusters.slice(0, end), meta: "capacity", opacity,
        line: { color: look[one.run].colour, width: 1.8, shape: "hv" }, hovertemplate: "%{y} clusters<extra></extra>" });
      shape = { xaxis: xAxis(), yaxis: axis({ title: { text: "distinct clusters" }, rangemode: "tozero" }) };
      caption = `Effective capacity: distinct clusters among ${some} neurons.`;
    }
    byId("neurons-caption").textContent = visibly ? caption : "The run of this layer is hidden.";
    return Plotly.react("neurons", visibly ? list : [], layout({ ...shape, coloraxis, uirevision: `${one.name}${view}` }), config);
  }
  function offerViews() {
    choices(byId("neuron-view"), [["paths", "paths"], ...(layerShown().graph ? [["graph", "learning graph"]] : []),
      ["capacity", "capacity"]], byId("neuron-view").value);
  }
