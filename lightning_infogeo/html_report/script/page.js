  // Plots are drawn when they come into view, and again after every choice.
  const PLOTS = { map: drawMap, spectrum: drawSpectrum, curves: drawCurves, distances: drawDistances,
    samples: drawSamples, neurons: drawNeurons };
  const stale = new Set(Object.keys(PLOTS)), seen = new Set();
  if (!data.distances) { byId("distances-section").remove(); stale.delete("distances"); }
  if (!data.samples.shown.length) { byId("samples-section").remove(); stale.delete("samples"); }
  if (!data.neurons.length) { byId("neurons-section").remove(); stale.delete("neurons"); }

  let waiting = false, drawing = 0;
  function draw() {
    if (waiting) return;
    waiting = true;
    document.body.dataset.drawn = "0";
    requestAnimationFrame(async () => {
      waiting = false;
      drawing += 1;
      for (const id of [...stale].filter((one) => seen.has(one))) {
        stale.delete(id);
        await PLOTS[id]();
        if (!byId(id).dataset.wired) clickable(id);
      }
      drawing -= 1;
      if (!waiting && !drawing) document.body.dataset.drawn = "1";
    });
  }
  function clickable(id) {
    byId(id).dataset.wired = "1";
    byId(id).on?.("plotly_click", ({ points }) => {
      const own = points[0].data.uid ?? "", k = points[0].data.meta === "leaves" ? points[0].customdata
        : own.startsWith("run-") ? Number(own.slice(4)) : null;
      if (k !== null) { toggle(choice.marked, k); changed(); }
    });
  }
  function changed(which = Object.keys(PLOTS).filter((id) => id !== "spectrum")) {
    settle();
    look = looks();
    showRuns();
    remember();
    for (const id of which) if (byId(id)) stale.add(id);
    draw();
  }

  wire();
  read(location.hash.slice(1));
  byId("event-kinds").textContent = eventLegend();
  document.querySelectorAll("th").forEach(sortable);
  document.querySelectorAll("tr[data-run]").forEach((row) => row.addEventListener("click", () => {
    toggle(choice.marked, Number(row.dataset.run));
    changed();
  }));
  changed();
  dark.addEventListener("change", () => { stale.add("spectrum"); changed(); });
  window.addEventListener("hashchange", () => {
    if (location.hash.slice(1) !== address) { read(location.hash.slice(1)); changed(); }
  });
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) entry.isIntersecting ? seen.add(entry.target.id) : seen.delete(entry.target.id);
    draw();
  }, { rootMargin: "150px" });
  for (const id of stale) watcher.observe(byId(id));
