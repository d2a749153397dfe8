"""What a marker says when it fires, and what every marker can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor


class Event(NamedTuple):
    """Something that happened to a trajectory.

    Attributes:
        name: "overfitting", "memorisation", "generalisation", "knee" or "velocity_change".
        probe: on which it was seen.
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


class Firing(NamedTuple):
    """How often a marker has fired and what it said last, as tensors; the beginning of every marker's state.

    Attributes:
        times: so far, scalar.
        step: of the last event, estimated, scalar.
        detected_at: the step at which it was known, scalar.
        strength: of it, scalar.
    """

    times: Tensor
    step: Tensor
    detected_at: Tensor
    strength: Tensor

    @classmethod
    def none(cls, like: Tensor) -> Firing:
        """Returns what there is to say before anything has happened, of the type and device of ``like``."""
        nan = torch.full((), torch.nan, dtype=like.dtype, device=like.device)
        return cls(torch.zeros_like(nan), nan, nan, nan)

    def after(self, fires: Tensor, step: Tensor, detected_at: int, strength: Tensor) -> Firing:
        """Returns what there is to say after a record at ``detected_at``, at which ``fires`` (scalar bool) or not."""
        now = torch.full_like(self.times, detected_at)
        return Firing(
            times=self.times + fires,
            step=torch.where(fires, step.to(self.step), self.step),
            detected_at=torch.where(fires, now, self.detected_at),
            strength=torch.where(fires, strength.to(self.strength), self.strength),
        )

    def vector(self) -> Tensor:
        """Returns the four numbers, shape (4,)."""
        return torch.stack(list(self))


class Marker(Protocol):
    """Watches one probe, record by record, on tensors only: ``extend`` reads nothing back from a device.

    A state is a NamedTuple whose field ``firing`` is a ``Firing``; its other fields are tensors, or plain numbers known
    on the host. It resumes.
    """

    name: ClassVar[str]
    observes: ClassVar[tuple[str, ...]]

    def start(self, like: Tensor) -> Any:
        """Returns the state before the first record, of the type and on the device of ``like``."""

    def extend(self, state: Any, step: int, observation: Tensor) -> Any:
        """Returns the state after a record at ``step``; unchanged where the observation is not finite."""

    def message(self, event: Event) -> str:
        """Returns evidence, likely cause, and what to do, for an event whose own message is still empty."""


class SampleMarker(Marker, Protocol):
    """A marker of the distances to truth of every sample, which stay on the device: it says what the host must know.

    ``observes`` is ("distances",), ``extend`` takes the mean distance of samples trained on (or None) as a fourth
    argument, and ``message`` the rest of the reading after the event.
    """

    width: ClassVar[int]

    def extend(self, state: Any, step: int, observation: Tensor, trained: Tensor | None = None) -> Any:
        """Returns the state after a record at ``step``; unchanged where the observation is not finite."""

    def reading(self, state: Any) -> Tensor:
        """Returns ``firing`` as a vector, and whatever else there is, shape (width,)."""


def chosen(finite: Tensor, new: Any, old: Any) -> Any:
    """Returns the state ``new`` where a record is ``finite`` (scalar bool), else ``old``; reads nothing back."""
    if isinstance(new, Tensor):
        return torch.where(finite, new, old)
    return type(new)(*(chosen(finite, a, b) for a, b in zip(new, old, strict=True)))


def packed(state: Any) -> Any:
    """Returns a state as nested dicts of CPU tensors and plain values."""
    if isinstance(state, Tensor):
        return state.cpu()
    if hasattr(state, "_asdict"):
        return {field: packed(value) for field, value in state._asdict().items()}
    return list(state) if isinstance(state, tuple) else state


def unpacked(saved: Any, like: Any) -> Any:
    """Returns the state that ``packed`` gave ``saved`` for, of the type of the fresh state ``like``."""
    if isinstance(like, Tensor):
        return saved.to(like.device)
    if hasattr(like, "_asdict"):
        return type(like)(**{field: unpacked(saved[field], value) for field, value in like._asdict().items()})
    return tuple(saved) if isinstance(like, tuple) else saved
