  // The samples of one run and probe: their cartography, and the likeliest label errors in a table.
  const sampleProbes = [...new Set(data.samples.shown.map((one) => one.probe))];
  const LISTED = 100;
  let ringed = null;

  // The run highlighted last is shown, else the one chosen here; a hidden run cannot be.
  let markedBefore = new Set();
  function offerSampleRuns() {
    const box = byId("sample-run"), probe = byId("sample-probe").value;
    const there = data.samples.shown.filter((one) => one.probe === probe && shown(one.run)).map((one) => one.run);
    const fresh = [...choice.marked].filter((k) => !markedBefore.has(k) && there.includes(k));
    markedBefore = new Set(choice.marked);
    choices(box, there.map((k) => [String(k), cut(data.runs[k], 60)]), fresh.length ? String(fresh[0]) : box.value);
    return data.samples.shown.find((one) => one.probe === probe && String(one.run) === box.value);
  }
  function drawSamples() {
    const one = offerSampleRuns();
    listLabelErrors(one);
    if (!one) {
      byId("samples-said").textContent = "All runs with samples are hidden.";
      return Plotly.react("samples", [], layout({}), config);
    }
    const column = Object.fromEntries(["sample", "label", "predicted", "confidence", "variability", "forgetting", "learnt", "area"]
      .map((name) => [name, numbers(one[name])]));
    const all = Array.from(column.sample, (_, i) => i), most = Math.max(1, ...column.forgetting);
    const said = (i) => `sample ${column.sample[i]}<br>label ${column.label[i]}, predicted ${column.predicted[i]}`
      + `<br>confidence ${number(column.confidence[i])}, variability ${number(column.variability[i])}`
      + `<br>forgotten ${column.forgetting[i]} times<br>area under the margin ${number(column.area[i])} nats`;
    const points = (which, meta, marker) => ({ type: "scatter", mode: "markers", meta, hoverinfo: "text",
      x: which.map((i) => column.variability[i]), y: which.map((i) => column.confidence[i]), text: which.map(said),
      customdata: which.map((i) => column.sample[i]), marker });
    const learnt = all.filter((i) => column.learnt[i]), never = all.filter((i) => !column.learnt[i]);
    const list = [points(learnt, "learnt", { size: 6, opacity: 0.8, coloraxis: "coloraxis",
      color: learnt.map((i) => column.forgetting[i]) })];
    if (never.length) list.push(points(never, "never learnt", { size: 7, symbol: "x-thin", line: { color: ink(), width: 1.5 } }));
    const ring = all.filter((i) => column.sample[i] === ringed);
    if (ring.length) list.push({ ...points(ring, "ringed", { size: 16, symbol: "circle-open", color: coloured("--mark"),
      line: { width: 3 } }), hoverinfo: "skip" });
    const colourscale = [0, 0.25, 0.5, 0.75, 1].map((t) => [t, visible(t)]);
    byId("samples-said").textContent = saidOfSamples(all.length, one.of);
    return Plotly.react("samples", list, layout({ uirevision: `${one.probe}${one.run}`,
      xaxis: axis({ title: { text: "variability" }, range: [-0.02, 0.52] }),
      yaxis: axis({ title: { text: "confidence" }, range: [-0.03, 1.03] }),
      coloraxis: { colorscale: colourscale, cmin: 0, cmax: most, colorbar: { title: { text: "forgotten", side: "top" },
        thickness: 10, len: 0.7, outlinewidth: 0, tickformat: "d", dtick: Math.max(1, Math.ceil(most / 6)) } } }), config);
  }
  function saidOfSamples(drawn, all) {
    const { left_out: damaged, beyond } = data.samples, said = [];
    if (drawn < all) said.push(`Drawn are ${whole(drawn)} of ${whole(all)} samples: the first ${LISTED} of the ranking, and others evenly chosen from it.`);
    if (beyond) said.push(`The last ${whole(beyond)} runs are left out.`);
    if (damaged.length) said.push(`Their predictions are damaged: ${damaged.join(", ")}.`);
    return said.join(" ");
  }
  function listLabelErrors(one) {
    const body = byId("label-errors").tBodies[0];
    body.replaceChildren();
    if (!one) return;
    const area = numbers(one.area), sample = numbers(one.sample);
    const order = Array.from(area, (_, i) => i).sort((a, b) => area[a] - area[b] || sample[a] - sample[b]).slice(0, LISTED);
    body.append(...order.map((i, rank) => {
      const values = [rank + 1, sample[i], numbers(one.label)[i], numbers(one.predicted)[i],
        number(numbers(one.confidence)[i]), numbers(one.forgetting)[i], number(area[i])];
      const row = element("tr", { className: sample[i] === ringed ? "ringed" : "" }, ...values.map((value) =>
        element("td", { className: "number", textContent: value })));
      row.addEventListener("click", () => { ringed = ringed === sample[i] ? null : sample[i]; changed(["samples"]); });
      return row;
    }));
  }
