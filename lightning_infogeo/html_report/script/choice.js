  // What the reader has chosen: one choice for all plots and tables, written into the address and read from it.
  const RUNS = data.runs.map((_, k) => k);
  const choice = { key: "", hidden: new Set(), marked: new Set(), filters: new Map(), x: "step", log: true, until: null,
    view: "", series: "", quantity: "", events: true };
  const starts = data.map.starts, mapSteps = numbers(data.map.steps);
  const mapProgress = data.map.progress === null ? null : numbers(data.map.progress);
  const lastStep = mapSteps.reduce((most, step) => Math.max(most, step), 1);

  const keyNamed = (name) => data.keys.find((one) => one.key === name);
  function passes(k) {
    for (const [name, wanted] of choice.filters) {
      const known = keyNamed(name);
      if (known.numbers) {
        const value = known.numbers[k], { from, to } = wanted;
        if (value === null || (from !== null && value < from) || (to !== null && value > to)) return false;
      } else if (!wanted.has(known.texts[k])) return false;
    }
    return true;
  }
  const shown = (k) => !choice.hidden.has(k) && passes(k);
  const dimmed = (k) => !choice.marked.has(k) && [...choice.marked].some(shown);

  // The step up to which a run is drawn: the same for all, or where each first goes beyond a progress.
  function lastOf(k) {
    if (choice.until === null) return Infinity;
    if (choice.x === "step" || mapProgress === null) return choice.until;
    for (let j = starts[k]; j < starts[k + 1]; j += 1) if (mapProgress[j] > choice.until) return mapSteps[j] - 1;
    return Infinity;
  }
  function upTo(steps, from, end, last) {
    let count = from;
    while (count < end && steps[count] <= last) count += 1;
    return count;
  }
  function progressAt(k, step) {
    const [from, end] = [starts[k], starts[k + 1]];
    let j = from;
    while (j < end && mapSteps[j] < step) j += 1;
    if (j === end) return mapProgress[end - 1];
    if (j === from || mapSteps[j] === step) return mapProgress[j];
    const share = (step - mapSteps[j - 1]) / (mapSteps[j] - mapSteps[j - 1]);
    return mapProgress[j - 1] + share * (mapProgress[j] - mapProgress[j - 1]);
  }
  function xOf(k, step) {
    if (choice.x === "progress") return progressAt(k, step);
    return choice.log ? step + 1 : step;
  }
  const xAxis = () => axis({ type: choice.log ? "log" : "linear", exponentformat: "power", title: { text:
    choice.x === "progress" ? "progress" : choice.log ? "optimizer steps + 1" : "optimizer steps" } });

  const listed = (runs) => [...runs].sort((a, b) => a - b).join(",");
  function written() {
    const parts = new URLSearchParams();
    const put = (name, value, usual) => { if (value !== usual) parts.set(name, String(value)); };
    put("colour", choice.key, "");
    put("hide", listed(choice.hidden), "");
    put("mark", listed(choice.marked), "");
    put("x", choice.x, "step");
    put("scale", choice.log ? "log" : "linear", "log");
    put("until", choice.until, null);
    for (const name of ["view", "series", "quantity"]) put(name, choice[name], "");
    put("events", choice.events ? "1" : "0", "1");
    for (const [name, wanted] of choice.filters) {
      parts.append(`only.${name}`, wanted instanceof Set ? JSON.stringify([...wanted])
        : `${wanted.from ?? ""}..${wanted.to ?? ""}`);
    }
    return parts.toString();
  }
  function read(address) {
    const parts = new URLSearchParams(address), some = (name) => new Set((parts.get(name) ?? "").split(",")
      .filter((text) => /^\d+$/.test(text)).map(Number).filter((k) => k < RUNS.length));
    const numeric = (text) => (text === "" || !Number.isFinite(Number(text)) ? null : Number(text));
    choice.key = parts.get("colour") ?? "";
    choice.hidden = some("hide");
    choice.marked = some("mark");
    choice.x = parts.get("x") === "progress" && mapProgress !== null ? "progress" : "step";
    choice.log = parts.get("scale") !== "linear";
    choice.until = numeric(parts.get("until") ?? "");
    for (const name of ["view", "series", "quantity"]) choice[name] = parts.get(name) ?? "";
    choice.events = parts.get("events") !== "0";
    choice.filters = new Map();
    for (const [name, text] of parts) {
      const known = name.startsWith("only.") && keyNamed(name.slice(5));
      if (!known) continue;
      if (known.numbers) {
        const [from, to] = text.split("..").map(numeric);
        choice.filters.set(known.key, { from: from ?? null, to: to ?? null });
      } else {
        try { choice.filters.set(known.key, new Set(JSON.parse(text))); } catch { /* not written by a page */ }
      }
    }
  }
  let address = "";
  function remember() {
    address = written();
    history.replaceState(null, "", `#${address}`);
  }
  function toggle(runs, k) {
    if (!runs.delete(k)) runs.add(k);
  }
