"""What markers say: events, and verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

OVERFITTING = "overfitting"
"""The name of events that end the training under ``on_overfitting="stop"``, and that loggers get two scalars of."""

RECOVERED = "recovered"
"""The name of events that withdraw an overfitting flag."""


class Event(NamedTuple):
    """Something that happened to a trajectory.

    Attributes:
        name: of the marker that saw it, such as "overfitting" or "knee".
        probe: name of the series on which it was seen.
        step: estimated optimizer step of the event itself.
        detected_at: the step at which it was known.
        strength: how large; what of, each marker says.
        message: evidence, likely cause, and what to do.
    """

    name: str
    probe: str
    step: int
    detected_at: int
    strength: float
    message: str

    @property
    def headline(self) -> str:
        """What, on which series, and when: the same words wherever an event is told of, before its message.

        Example:
            >>> Event("overfitting", "val", 683, 909, 0.18, "...").headline
            'overfitting on val since step 683, known at 909'
        """
        return f"{self.name} on {self.probe} {self.times}"

    @property
    def times(self) -> str:
        """When it happened and when that was known, as in "since step 683, known at 909"."""
        return f"since step {self.step}, known at {self.detected_at}"

    @classmethod
    def of(cls, fields: Sequence[Any]) -> Event:
        """Returns the event that ``list(event)`` gave ``fields`` for.

        Raises:
            TypeError: where a field is not of its type.
            ValueError: where there are more fields or fewer.
        """
        name, probe, step, detected_at, strength, message = fields
        for value, kind in zip(fields, (str, str, int, int, float, str), strict=True):
            if not isinstance(value, (int, float) if kind is float else kind):
                raise TypeError(f"an event holds {value!r} in the place of a {kind.__name__}")
        return cls(name, probe, step, detected_at, strength, message)


class Verdict(NamedTuple):
    """What can be said of overfitting on a probe.

    Attributes:
        answer: "flagged"; "watch": the closest approach is long ago, but the rise since is not significant yet;
            "clean": a rise that matters would have been seen; "undecidable": it might not have been.
        resolution: the least relative rise that would have been significant at the last record; 0 at the closest one.
        samples: how many the probe would have needed to see a rise that matters; 0 where ``resolution`` is.
        rise: relative, of the last record over the closest approach.
    """

    answer: Literal["flagged", "watch", "clean", "undecidable"]
    resolution: float
    samples: int
    rise: float = 0.0


def standing_flags(events: Iterable[Event]) -> list[Event]:
    """Returns the overfitting flags that have not been withdrawn, one a probe at most, in the order of ``events``."""
    flags: dict[str, Event] = {}
    for event in events:
        if event.name == OVERFITTING:
            flags.setdefault(event.probe, event)
        elif event.name == RECOVERED:
            flags.pop(event.probe, None)
    return list(flags.values())
