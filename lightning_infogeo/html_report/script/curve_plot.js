  // The curves of what was recorded, with the events on them.
  const EVENT_SYMBOLS = [["triangle-down", "▼"], ["star", "★"], ["diamond", "◆"], ["x", "✖"], ["hexagram", "✶"]];
  const seriesChosen = () => (choice.series === "all" ? data.series.filter((one) => one.kind === "probes")
    : data.series.filter((one) => one.name === choice.series));

  function near(steps, step) {
    let best = 0;
    steps.forEach((at, j) => { if (Math.abs(at - step) < Math.abs(steps[best] - step)) best = j; });
    return best;
  }
  function drawCurves() {
    const series = seriesChosen(), name = choice.quantity, list = [];
    if (!series.length || !name) return null;
    const { label: title, scale: kind } = data.quantities[series[0].kind][name];
    const runs = order();
    series.forEach((one, s) => {
      const own = new Map(one.curves.map((curve) => [curve.run, curve]));
      for (const k of runs) {
        const curve = own.get(k);
        if (!curve || !(name in curve.values)) continue;
        const steps = numbers(curve.steps), end = upTo(steps, 0, steps.length, lastOf(k));
        const x = Array.from(steps.subarray(0, end), (step) => xOf(k, step));
        list.push({ type: "scatter", ...traced(k, { x, y: numbers(curve.values[name]).subarray(0, end),
          customdata: steps.subarray(0, end), line: { width: s ? 0.9 : 1.7 },
          marker: { size: s ? 4 : 6, maxdisplayed: 9 },
          hovertemplate: `<b>%{text}</b> ${plain(one.name).replaceAll("%", "&#37;")}<br>step %{customdata:,}<br>%{y:.4g}<extra></extra>` }) });
      }
    });
    if (choice.events) list.push(...eventMarks(series, name));
    return Plotly.react("curves", list, layout({ xaxis: xAxis(), uirevision: `${name}${choice.x}${choice.log}`,
      yaxis: axis({ type: kind, title: { text: plain(title) }, exponentformat: "power" }) }), config);
  }
  const eventKinds = [...new Set(data.events.map((event) => event.name))];
  function eventMarks(series, name) {
    return eventKinds.map((kind, n) => {
      const x = [], y = [], text = [], faint = [];
      for (const event of data.events) {
        if (event.name !== kind || event.step === null || !shown(event.run) || event.step > lastOf(event.run)) continue;
        // An event of a probe that is not shown, or of the network, is marked on the curves that are.
        const own = series.filter((one) => one.name === event.probe);
        for (const one of own.length ? own : series) {
          const curve = one.curves.find((c) => c.run === event.run && name in c.values);
          if (!curve) continue;
          x.push(xOf(event.run, event.step));
          y.push(numbers(curve.values[name])[near(numbers(curve.steps), event.step)]);
          text.push(`<b>${short(event.headline, 80)}</b><br>${short(data.runs[event.run], 60)}<br>${wrapped(event.message)}`);
          faint.push(dimmed(event.run) ? 0.15 : 1);
        }
      }
      return { type: "scatter", mode: "markers", x, y, text, hoverinfo: "text", name: short(kind), meta: "events",
        marker: { symbol: EVENT_SYMBOLS[n % EVENT_SYMBOLS.length][0], size: 10, opacity: faint, color: ink(),
          line: { color: card(), width: 1.5 } } };
    }).filter((trace) => trace.x.length);
  }
  const eventLegend = () => eventKinds.map((kind, n) => `${EVENT_SYMBOLS[n % EVENT_SYMBOLS.length][1]} ${kind}`).join("   ");
