"""What can be said of overfitting in a recorded run, in the words of its events."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import torch

from lightning_infogeo.archive import Archive
from lightning_infogeo.markers import Event
from lightning_infogeo.markers.event import standing_flags

WATCH = 0.01
"""Relative rise over the closest approach from which a run without a flag is worth watching."""


class RunVerdict(NamedTuple):
    """A verdict on a run.

    Attributes:
        kind: "flagged", "watch", "clean", or "unknown" where there is no distance to truth.
        text: the verdict in a few words.
    """

    kind: Literal["flagged", "watch", "clean", "unknown"]
    text: str


def event_of(fields: Any) -> Event | None:
    """Returns an event of an archive; None where it is none, or one without steps."""
    if not isinstance(fields, dict):
        return None
    try:
        return Event.of([fields.get(name) for name in Event._fields])
    except TypeError:
        return None


def verdict_on(archive: Archive, probe: str) -> RunVerdict:
    """Returns the verdict on a run, as far as its archive allows one.

    A flag that stands counts on whichever probe it was raised. The archive does not hold the noise of the records, so
    "watch" says only that the last record on ``probe`` is farther from the truth than the closest by ``WATCH``.

    Raises:
        ArchiveError: where the curves are damaged.
    """
    flags = standing_flags(event for event in map(event_of, archive.events) if event is not None)
    if flags:
        first = min(flags, key=lambda flag: flag.step)
        return RunVerdict("flagged", f"flagged on {first.probe} {first.times}")
    recorded = archive[probe]
    names = recorded.attributes["quantities"]
    if "distance_to_truth" not in names:
        return RunVerdict("unknown", "no labels")
    distance = recorded.quantities[:, names.index("distance_to_truth")]
    steps, distance = recorded.steps[distance.isfinite()], distance[distance.isfinite()]
    if not len(distance):
        return RunVerdict("unknown", "no distance to truth")
    closest = int(distance.argmin())
    rise = float((distance[-1] - distance[closest]) / distance[closest].clamp_min(torch.finfo(torch.float64).tiny))
    if rise < WATCH:
        return RunVerdict("clean", "clean: at its closest" if closest == len(distance) - 1 else f"clean: up {rise:.1%}")
    return RunVerdict("watch", f"watch: up {rise:.1%} since step {int(steps[closest])}")
