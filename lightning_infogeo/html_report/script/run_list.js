  // The list of runs: the legend of all plots, the strip of verdicts, and where runs are hidden and marked.
  const chips = RUNS.map((k) => {
    const box = element("input", { type: "checkbox", title: "shown in all plots" });
    const name = element("button", { type: "button", className: "name", textContent: data.runs[k],
      title: `${data.runs[k]}: click to highlight it in all plots` });
    const verdict = data.verdicts[k], picture = element("span", { className: "swatch" });
    const chip = element("li", { className: "run" }, box, picture, name,
      element("span", { className: `verdict ${verdict.kind}`, textContent: verdict.text }));
    chip.dataset.run = k;
    box.addEventListener("change", () => { toggle(choice.hidden, k); changed(); });
    name.addEventListener("click", () => { toggle(choice.marked, k); changed(); });
    return { chip, box, picture };
  });
  byId("runs").append(...chips.map((one) => one.chip));
  const VERDICTS = ["flagged", "watch", "clean", "unknown"];
  for (const kind of VERDICTS) {
    const own = RUNS.filter((k) => data.verdicts[k].kind === kind);
    if (!own.length) continue;
    const said = kind === "unknown" ? "without a distance to truth" : kind;
    const button = element("button", { type: "button", className: `verdict ${kind}`, textContent: `${own.length} ${said}`,
      title: "click to highlight them in all plots" });
    button.addEventListener("click", () => {
      const all = own.length === choice.marked.size && own.every((k) => choice.marked.has(k));
      choice.marked = new Set(all ? [] : own);
      changed();
    });
    byId("verdicts").append(button);
  }
  function showRuns() {
    for (const k of RUNS) {
      const { chip, box, picture } = chips[k];
      box.checked = !choice.hidden.has(k);
      chip.hidden = !passes(k);
      chip.classList.toggle("off", choice.hidden.has(k));
      chip.classList.toggle("marked", choice.marked.has(k));
      picture.replaceChildren(swatch(choice.key === "step" ? { ...look[k], colour: soft() } : look[k]));
    }
    for (const own of document.querySelectorAll("tr[data-run], li.event")) {
      const k = Number(own.dataset.run);
      own.hidden = !shown(k);
      own.classList.toggle("marked", choice.marked.has(k));
    }
    const count = RUNS.filter(shown).length;
    byId("shown").textContent = count === RUNS.length ? "" : `${count} of ${RUNS.length} shown`;
    showScale();
  }
  function showScale() {
    const known = keyNamed(choice.key), place = byId("scale");
    place.replaceChildren();
    if (known?.numbers) {
      const { low, high, log, back } = range(known), bar = element("span", { className: "bar" });
      const stops = [...Array(11).keys()].map((i) => visible(i / 10));
      bar.style.background = `linear-gradient(to right, ${stops.join(",")})`;
      place.append(element("span", { textContent: `${known.key}${log ? " (log)" : ""}` }), element("span", { className: "low",
        textContent: number(low) }), bar, element("span", { className: "high", textContent: number(high) }));
      bar.title = `middle: ${number(back(0.5))}`;
    } else if (known && known.values.length <= 12) {
      place.append(element("span", { textContent: known.key }));
      known.values.forEach((value, g) => {
        const square = element("i", { className: "square" });
        square.style.background = data.palette[g % data.palette.length];
        place.append(element("span", { className: "value" }, square, cut(value, 30)));
      });
    }
  }
