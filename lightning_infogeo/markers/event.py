"""What markers say: events, and verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

OVERFITTING = "overfitting"
"""The name of events that end the training under ``on_overfitting="stop"``, and that loggers get two scalars of."""


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
        answer: "flagged"; "clean": a rise that matters would have been seen; "undecidable": it might not have been.
        resolution: the least relative rise that would have been significant at the last record.
        samples: how many the probe would have needed to see a rise that matters.
    """

    answer: Literal["flagged", "clean", "undecidable"]
    resolution: float
    samples: int
