  // The controls: colour, filters, the axis of time, and what each plot shows.
  const SLIDER = 1000;
  const single = RUNS.length === 1;
  const keyChoices = [...data.keys.map((one) => [one.key, one.key]), ["run", "run"], ["step", "step"]];
  const probeCount = data.series.filter((one) => one.kind === "probes").length;
  const seriesChoices = [...data.series.map((one) => [one.name, one.name]),
    ...(probeCount > 1 ? [["all", "all probes"]] : [])];

  function offerQuantities() {
    const series = seriesChosen(), known = data.quantities[series.length ? series[0].kind : "probes"];
    const there = new Set(series.flatMap((one) => one.curves.flatMap((curve) => Object.keys(curve.values))));
    const names = Object.keys(known).filter((name) => there.has(name));
    choices(byId("quantity"), names.map((name) => [name, known[name].label]), "");
    const usual = names.includes("distance_to_truth") ? "distance_to_truth" : names[0] ?? "";
    if (!names.includes(choice.quantity)) choice.quantity = usual;
    byId("quantity").value = choice.quantity;
  }
  function settle() {
    const among = (name, offered, usual) => {
      if (!offered.some(([value]) => value === choice[name])) choice[name] = usual;
      byId(name).value = choice[name];
    };
    among("key", keyChoices, data.keys.length ? data.keys[0].key : single ? "step" : "run");
    among("view", VIEWS, VIEWS[0][0]);
    among("series", seriesChoices, seriesChoices[0]?.[0] ?? "");
    offerQuantities();
    byId("x").value = choice.x;
    byId("log").checked = choice.log;
    byId("events-shown").checked = choice.events;
    byId("until").value = choice.until === null ? SLIDER : Math.round(SLIDER * placeOf(choice.until));
    byId("until-said").textContent = choice.until === null ? "the end"
      : choice.x === "progress" ? `progress ${number(choice.until)}` : `step ${whole(choice.until)}`;
    showFilters();
  }
  // Between the ends of the slider: steps on the scale of the axis, progress from 0 to 1.
  function placeOf(value) {
    if (choice.x === "progress") return value;
    return choice.log ? Math.log(value + 1) / Math.log(lastStep + 1) : value / lastStep;
  }
  function valueAt(place) {
    if (choice.x === "progress") return Math.round(1000 * place) / 1000;
    return Math.round(choice.log ? (lastStep + 1) ** place - 1 : place * lastStep);
  }

  function showFilters() {
    const left = data.keys.filter((one) => !choice.filters.has(one.key));
    choices(byId("filter"), [["", "add …"], ...left.map((one) => [one.key, one.key])], "");
    byId("filters").replaceChildren(...[...choice.filters].map(([name, wanted]) => {
      const known = keyNamed(name), end = element("button", { type: "button", textContent: "×", title: "remove this filter" });
      end.addEventListener("click", () => { choice.filters.delete(name); changed(); });
      const parts = known.numbers ? ["from", "to"].map((side) => {
        const { low, high } = range(known);
        const box = element("input", { type: "number", step: "any", value: wanted[side] ?? "",
          placeholder: number(side === "from" ? low : high), ariaLabel: `${name} ${side}` });
        box.addEventListener("change", () => { wanted[side] = box.value === "" ? null : Number(box.value); changed(); });
        return element("label", {}, `${side} `, box);
      }) : known.values.slice(0, 40).map((value) => {
        const box = element("input", { type: "checkbox", checked: wanted.has(value) });
        box.addEventListener("change", () => { toggle(wanted, value); changed(); });
        return element("label", {}, box, ` ${cut(value, 24)}`);
      });
      return element("span", { className: "filter" }, element("b", { textContent: name }), ...parts, end);
    }));
  }

  function wire() {
    choices(byId("key"), keyChoices, "");
    choices(byId("view"), VIEWS, "");
    choices(byId("series"), seriesChoices, "");
    choices(byId("x"), [["step", "step"], ...(mapProgress ? [["progress", "progress"]] : [])], "step");
    const on = (id, event, act) => byId(id).addEventListener(event, () => { act(byId(id)); changed(); });
    on("key", "change", (box) => { choice.key = box.value; });
    on("view", "change", (box) => { choice.view = box.value; });
    on("series", "change", (box) => { choice.series = box.value; });
    on("quantity", "change", (box) => { choice.quantity = box.value; });
    on("events-shown", "change", (box) => { choice.events = box.checked; });
    on("log", "change", (box) => { choice.log = box.checked; });
    on("x", "change", (box) => { choice.x = box.value; choice.until = null; });
    on("until", "input", (box) => {
      choice.until = Number(box.value) === SLIDER ? null : valueAt(Number(box.value) / SLIDER);
    });
    on("filter", "change", (box) => {
      const known = keyNamed(box.value);
      if (known) choice.filters.set(known.key, known.numbers ? { from: null, to: null } : new Set(known.values));
    });
    byId("reset").addEventListener("click", () => { read(""); changed(); });
    if (data.samples.shown.length) {
      choices(byId("sample-probe"), sampleProbes.map((name) => [name, name]), sampleProbes[0]);
      for (const id of ["sample-probe", "sample-run"]) byId(id).addEventListener("change", () => changed(["samples"]));
    }
    if (data.neurons.length) {
      choices(byId("layer"), data.neurons.map((one, i) => [String(i), one.name]), "0");
      offerViews();
      byId("layer").addEventListener("change", () => { offerViews(); changed(["neurons"]); });
      byId("neuron-view").addEventListener("change", () => changed(["neurons"]));
    }
  }

  function sortable(head) {
    head.addEventListener("click", () => {
      const body = head.closest("table").tBodies[0], i = head.cellIndex, up = head.dataset.up !== "1";
      head.dataset.up = up ? "1" : "0";
      const value = (row) => row.cells[i].textContent;
      const compared = (a, b) => {
        const [x, y] = [Number(value(a)), Number(value(b))];
        if (Number.isNaN(x) || Number.isNaN(y)) return value(a).localeCompare(value(b), "en", { numeric: true });
        return x - y;
      };
      body.append(...[...body.rows].sort((a, b) => (up ? compared(a, b) : compared(b, a))));
    });
  }
