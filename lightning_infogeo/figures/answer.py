"""What a picture of a training says, in one line: its title."""

from __future__ import annotations

from collections.abc import Sequence

from lightning_infogeo.figures.palette import INK, event_colour
from lightning_infogeo.markers import Event
from lightning_infogeo.markers.event import standing_flags
from lightning_infogeo.shortening import shortened
from lightning_infogeo.trajectory import Trajectory


def answer(probe: str, trajectory: Trajectory, events: Sequence[Event]) -> tuple[str, str]:
    """Returns what can be said of a probe by now, and the colour in which to say it.

    Args:
        probe: its name.
        trajectory: of the probe.
        events: known by now.
    """
    (name,) = shortened([probe], 20)
    flag = next((event for event in standing_flags(events) if event.probe == probe), None)
    if flag is not None:
        return f"{name}: away from the truth {flag.times}", event_colour(flag)
    finite = trajectory.length.isfinite().nonzero()[:, 0]
    if not len(finite):
        return f"{name}: no finite predictions yet", INK
    last = int(trajectory.steps[finite[-1]])
    if "distance_to_truth" not in trajectory.quantities:
        return f"{name}: step {last}", INK
    distance = trajectory.distance_to_truth[finite]
    closest = int(distance.argmin())
    step = int(trajectory.steps[finite[closest]])
    if step == last:
        return f"{name}: never closer to the truth than now, step {last}", INK
    rise = float(distance[-1] / distance[closest]) - 1
    return f"{name}: closest to the truth at step {step}, now {rise:.1%} farther", INK
