  // The dendrogram of the runs, and the table of their distances.
  function drawDistances() {
    const found = data.distances, count = found.order.length, places = found.order.map((_, i) => i);
    const names = found.order.map((k) => short(data.runs[k])), small = narrow();
    byId("distances").style.height = `${Math.max(340, Math.min(900, 120 + 17 * count))}px`;
    const x = [], y = [];
    for (const [along, across] of found.tree) { x.push(...across, null); y.push(...along, null); }
    const list = [{ type: "scatter", mode: "lines", x, y, line: { color: ink(), width: 1.2 }, meta: "tree",
      opacity: choice.marked.size ? 0.4 : 1, hovertemplate: "joined at %{x:.4g} nats<extra></extra>" }];
    const there = places.filter((i) => shown(found.order[i])), own = there.map((i) => found.order[i]);
    list.push({ type: "scatter", mode: "markers", x: there.map(() => 0), y: there, hoverinfo: "text", meta: "leaves",
      text: own.map((k) => short(data.runs[k], 60)), customdata: own, cliponaxis: false,
      marker: { color: own.map((k) => look[k].colour), symbol: own.map((k) => look[k].symbol),
        opacity: own.map((k) => (dimmed(k) ? 0.15 : 1)),
        size: own.map((k) => (count > 60 ? 5 : 9) * (choice.marked.has(k) ? 1.5 : 1)) } });
    const heat = found.table !== null, few = count <= (small ? 30 : 60);
    if (heat) {
      const visibly = found.order.map(shown), table = numbers(found.table);
      const z = places.map((i) => places.map((j) => (visibly[i] && visibly[j] ? table[i * count + j] : null)));
      list.push({ type: "heatmap", z, x: places, y: places, xaxis: "x2", colorscale: "Cividis", hoverinfo: "text",
        text: z.map((row, i) => row.map((d, j) => (d === null ? "" : `${names[i]}<br>${names[j]}<br>${number(d)} nats`))),
        colorbar: { title: { text: "nats", side: "top" }, thickness: 12, outlinewidth: 0 } });
    }
    const shapes = found.null === null ? [] : [{ type: "line", x0: found.null, x1: found.null, yref: "paper", y0: 0, y1: 1,
      line: { dash: "dash", width: 1, color: ink() } }];
    for (const i of there.filter((at) => heat && choice.marked.has(found.order[at]))) {
      const edge = { type: "rect", xref: "x2", line: { color: coloured("--mark"), width: 2 } };
      shapes.push({ ...edge, x0: -0.5, x1: count - 0.5, y0: i - 0.5, y1: i + 0.5 },
        { ...edge, x0: i - 0.5, x1: i + 0.5, y0: -0.5, y1: count - 0.5 });
    }
    return Plotly.react("distances", list, layout({
      shapes,
      xaxis: axis({ domain: [0, heat ? 0.33 : 1], autorange: "reversed", rangemode: "tozero",
        title: { text: small ? "joined at [nats]" : "distance when joined [nats]" }, ...(small ? { nticks: 3, tickangle: 0 } : {}) }),
      xaxis2: axis({ domain: [!few ? 0.36 : small ? 0.64 : 0.5, 1], range: [-0.5, count - 0.5], showticklabels: false, showgrid: false, ticks: "" }),
      yaxis: axis({ range: [-0.5, count - 0.5], tickvals: few ? places : [],
        ticktext: found.order.map((k) => short(data.runs[k], small ? 8 : 30)),
        side: "right", showgrid: false, zeroline: false, anchor: "x" }),
    }), config);
  }
