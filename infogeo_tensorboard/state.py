"""What there is: runs, maps, events and verdicts, and what is wrong with them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from infogeo_tensorboard.catalogue import Catalogue, Entry, Group, Probe
from infogeo_tensorboard.json_values import flat_metadata
from infogeo_tensorboard.library import Library, Told
from infogeo_tensorboard.live_map import map_revision
from infogeo_tensorboard.metadata import FORMAT
from infogeo_tensorboard.problems import shortened
from infogeo_tensorboard.recording import Numbers
from infogeo_tensorboard.source import Source

_SAID = 3
"""Problems of runs that are said for the whole tab."""
_EVENTS = 1_000


def state(library: Library, source: Source, kept: int | None = 0) -> dict[str, Any]:
    """Returns what the page asks for first, and then again and again.

    Reads curves and events, which are small, of runs that have changed; nothing of the size of predictions.

    Args:
        library: of what has been read.
        source: to read from.
        kept: how many tensors a tag TensorBoard keeps of this plugin; 0 for all.
    """
    catalogue = library.catalogue(source)
    entries = list(catalogue.entries.values())
    told = library.told(source, entries)
    curves = {entry.name: of_run.curves for entry, of_run in zip(entries, told, strict=True)}
    runs = [_run(entry, of_run) for entry, of_run in zip(entries, told, strict=True)]
    for run, entry, continued in zip(runs, entries, _continued(entries, curves), strict=True):
        run["continues"] = continued
        run["problem"] = "; ".join([*entry.problems, *library.complaints(source, entry)]) or None
    maps = [_map(group, curves, map_revision(library, source, group)) for group in catalogue.groups.values()]
    return {
        "format": FORMAT,
        "problem": _problem(runs, kept),
        "revision": _revision(catalogue, maps, runs),
        "maps": _titled(maps),
        "runs": runs,
    }


def _revision(catalogue: Catalogue, maps: Sequence[dict[str, Any]], runs: Sequence[dict[str, Any]]) -> str:
    """Returns what changes when anything may have changed."""
    entries = catalogue.entries.values()
    versions = [
        (
            entry.name,
            entry.monitor,
            entry.events and entry.events.version,
            [(name, probe.metadata.key, probe.versions) for name, probe in entry.probes.items()],
        )
        for entry in entries
    ]
    said = [one["revision"] for one in maps], [run["problem"] for run in runs]
    return hashlib.sha256(repr((versions, said)).encode()).hexdigest()[:16]


def _run(entry: Entry, told: Told) -> dict[str, Any]:
    known, curves = told.known, told.curves
    events, verdicts, steps = known.get("events"), known.get("verdicts"), known.get("steps")
    steps = steps if isinstance(steps, dict) else {}
    recorded = [int(numbers.steps.max()) for numbers in curves.values() if len(numbers.at)]
    last = steps.get("last")
    return {
        "name": entry.name,
        "monitor": entry.monitor,
        "metadata": flat_metadata(entry.identity.get("metadata")),
        "events": [one for one in events if isinstance(one, dict)][:_EVENTS] if isinstance(events, list) else [],
        "verdicts": {key: str(value) for key, value in verdicts.items()} if isinstance(verdicts, dict) else {},
        "last": last if _is_number(last) else max(recorded, default=None),
        "planned": steps.get("planned") if _is_number(steps.get("planned")) else None,
        "ended": known.get("ended") is True,
    }


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _continued(entries: Sequence[Entry], curves: dict[str, dict[str, Numbers]]) -> list[str | None]:
    """Returns which run each entry goes on with: that whose id it names or has, and that began before it, last.

    It began before it in time and in steps. So neither a copy of a run nor what a second logger of the same training
    has written goes on with it.
    """
    began = {}
    for entry in entries:
        first = [(numbers.wall[0], numbers.steps[0]) for numbers in curves[entry.name].values() if len(numbers.at)]
        began[entry.name] = min((wall for wall, _ in first), default=0.0), min((step for _, step in first), default=0)
    by_id: dict[object, list[Entry]] = {}
    for entry in entries:
        by_id.setdefault(_identity(entry, "id"), []).append(entry)
    found: list[str | None] = []
    for entry in entries:
        own, named = _identity(entry, "id"), _identity(entry, "continues")
        candidates = [one for key in {own, named} if key is not None for one in by_id.get(key, [])]
        earlier = [
            one
            for one in candidates
            if one.monitor == entry.monitor
            and all(before < after for before, after in zip(began[one.name], began[entry.name], strict=True))
        ]
        found.append(max(earlier, key=lambda one: began[one.name]).name if earlier else None)
    return found


def _identity(entry: Entry, name: str) -> str | None:
    value = entry.identity.get(name)
    return value if isinstance(value, str) and value else None


def _map(group: Group, curves: dict[str, dict[str, Numbers]], revision: str) -> dict[str, Any]:
    metadata = group.metadata
    what = "sample" if metadata.samples == 1 else "samples"
    return {
        "key": group.key,
        "title": f"{metadata.probe} · {metadata.samples:,} {what} of {metadata.classes:,} classes",
        "probe": metadata.probe,
        "trained": group.trained,
        "samples": metadata.samples,
        "classes": metadata.classes,
        "labelled": metadata.labels is not None,
        "class_names": None if metadata.class_names is None else list(metadata.class_names),
        "sketched": metadata.sketched,
        "runs": [entry.name for entry, _ in group.members],
        "records": sum(_count(curves, entry, probe) for entry, probe in group.members),
        "revision": revision,
    }


def _titled(maps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns maps whose titles tell them apart: those of the same title have the beginning of their keys in it."""
    count = Counter(one["title"] for one in maps)
    return [one | {"title": f"{one['title']} · {one['key'][:6]}"} if count[one["title"]] > 1 else one for one in maps]


def _count(curves: dict[str, dict[str, Numbers]], entry: Entry, probe: Probe) -> int:
    numbers = curves[entry.name].get(probe.metadata.probe)
    return 0 if numbers is None else len(numbers.at)


def _problem(runs: Sequence[dict[str, Any]], kept: int | None) -> str | None:
    words = []
    if kept:
        words.append(f"TensorBoard was started with --samples_per_plugin infogeo={kept}: records are left out.")
    wrong = [run for run in runs if run["problem"]]
    words += [f"{shortened(run['name'])}: {shortened(run['problem'], 200)}." for run in wrong[:_SAID]]
    if len(wrong) > _SAID:
        words.append(f"And so {len(wrong) - _SAID} more.")
    return " ".join(words) or None
