"""Two runs at equal progress: where they part, and on which classes and samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from infogeo_tensorboard.json_values import rounded
from infogeo_tensorboard.problems import RequestError
from infogeo_tensorboard.sample_lists import TOP, SampleCourses

Floats = NDArray[np.float64]

GRID = 40
"""Values of progress."""


def pair(a: SampleCourses, b: SampleCourses, names: tuple[str, str], top: int = TOP) -> dict[str, Any]:
    """Returns the distance of two runs at equal progress over the range that both reach.

    At each value the first record past it is taken, and the point between it and its predecessor by spherical
    interpolation, the fraction being linear in progress (arXiv 2305.01604).

    Args:
        a: of one run.
        b: of the other, on the same map.
        names: of both.
        top: samples at most.

    Raises:
        RequestError: where progress was not recorded or is undefined, or there is no range that both reach.
    """
    reached = [_reached(one, name) for one, name in zip((a, b), names, strict=True)]
    low, high = max(values[0] for values in reached), min(values[-1] for values in reached)
    if not low < high:
        spans = [
            f"{shown} from {values[0]:.3f} to {values[-1]:.3f}" for shown, values in zip(names, reached, strict=True)
        ]
        raise RequestError(400, f"there is no progress that both runs have seen: {spans[0]}, {spans[1]}")
    grid = np.linspace(low, high, GRID)
    ways = [_Way(one, values, grid) for one, values in zip((a, b), reached, strict=True)]
    distances = np.array([_distances(ways[0].point(k), ways[1].point(k), a) for k in range(GRID)])
    at_end = distances[-1]
    farthest = np.argsort(-at_end, kind="stable")[:top]
    last = ways[0].record[-1], ways[1].record[-1]
    items = a.items(farthest, last[0], None)
    others = b.items(farthest, last[1], None)
    for item, distance, other in zip(items, at_end[farthest], others, strict=True):
        item["distance"] = rounded(distance)
        item["other"] = {"predicted": other["predicted"], "p": other["p"]}
    return {
        "a": names[0],
        "b": names[1],
        "progress": rounded(grid),
        "distance": rounded(distances.mean(1)),
        "steps": [rounded(way.steps) for way in ways],
        "classes": _classes(at_end, a.answers.labels),
        "samples": items,
        "total": len(at_end),
    }


def _reached(courses: SampleCourses, name: str) -> Floats:
    """Returns the largest progress so far at each record, shape (T,)."""
    given = courses.recording.quantity("progress")
    if given is None:
        raise RequestError(400, f"progress of {name} was not recorded: it needs labels")
    progress = given[courses.answers.records]
    unknown = np.count_nonzero(~np.isfinite(progress))
    if unknown:
        why = ": it needs labels" if courses.answers.labels is None else ""
        raise RequestError(400, f"progress of {name} is undefined at {unknown} of its {len(progress)} records{why}")
    return np.asarray(np.maximum.accumulate(progress))


class _Way:
    """A run at values of progress: between which records each lies, and how far."""

    def __init__(self, courses: SampleCourses, reached: Floats, grid: Floats) -> None:
        after = np.minimum(np.searchsorted(reached, grid, side="right"), len(reached) - 1)
        before = np.maximum(after - 1, 0)
        gap = reached[after] - reached[before]
        fraction = np.divide(grid - reached[before], gap, out=np.ones_like(grid), where=gap > 0).clip(0, 1)
        steps = np.array(courses.steps, np.float64)
        self.steps = steps[before] + fraction * (steps[after] - steps[before])
        self.record = np.where(fraction < 0.5, before, after).tolist()
        self._courses, self._before, self._after, self._fraction = courses, before, after, fraction

    def point(self, k: int) -> Floats:
        """Returns the unit vectors at the k-th value, shape (N, W)."""
        start, end = (self._courses.amplitudes(int(at[k])).astype(np.float64) for at in (self._before, self._after))
        between: Floats = _between(start, end, float(self._fraction[k]))
        return between


def _between(start: Floats, end: Floats, t: float) -> Floats:
    """Returns unit vectors on the great circles from one to the other, by spherical interpolation."""
    chord = np.linalg.norm(start - end, axis=-1, keepdims=True)
    arc = 2 * np.arcsin(np.minimum(chord / 2, 1))
    sine = np.sin(arc)
    near = sine < 1e-8
    safe = np.where(near, 1, sine)
    first = np.where(near, 1 - t, np.sin((1 - t) * arc) / safe)
    second = np.where(near, t, np.sin(t * arc) / safe)
    return np.asarray(first * start + second * end)


def _distances(p: Floats, q: Floats, courses: SampleCourses) -> Floats:
    """Returns the Bhattacharyya distance of each sample, nats, shape (N,)."""
    overlap = np.einsum("nw,nw->n", p, q)
    return np.asarray(-np.log(np.clip(overlap, courses.recording.metadata.floor, 1)))


def _classes(distances: Floats, labels: NDArray[np.int64] | None) -> list[dict[str, Any]]:
    if labels is None:
        return []
    means = [(int(label), float(distances[labels == label].mean())) for label in np.unique(labels)]
    return [{"class": label, "distance": rounded(mean)} for label, mean in sorted(means, key=lambda one: -one[1])]
