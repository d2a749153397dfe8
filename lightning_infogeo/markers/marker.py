"""What a marker is: the class that every online detector derives from, and what its state begins with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.console import say
from lightning_infogeo.markers.event import Event, Verdict
from lightning_infogeo.trajectory.series import Kind, Series
from lightning_infogeo.trajectory.step import Step, filled

ReadingKey = tuple[str, str]
"""The name of a marker, and of the series that it watches."""


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

    def after(self, fires: Tensor, step: Step, detected_at: Step, strength: Tensor) -> Firing:
        """Returns what there is to say after a record at ``detected_at``, at which ``fires`` (scalar bool) or not.

        Args:
            fires: scalar bool.
            step: of the event, where it fires; a number or a scalar.
            detected_at: the step of the record.
            strength: scalar.
        """
        return Firing(
            times=self.times + fires,
            step=filled(self.step, fires, step),
            detected_at=filled(self.detected_at, fires, detected_at),
            strength=torch.where(fires, strength.to(self.strength), self.strength),
        )

    def vector(self) -> Tensor:
        """Returns the four numbers, shape (4,)."""
        return torch.stack(list(self))


class Marker(ABC):
    """Watches series of records, one state each, and fires when something happens to one. Derive your own from it.

    A state is a NamedTuple of tensors, of nested NamedTuples, and of plain numbers known on the host. Its field
    ``firing`` is a ``Firing``. It is saved in checkpoints and goes on from there.

    Attributes:
        name: of its events; no other marker of a monitor has it.
        recovered: the name of events that withdraw the one before; None where that cannot happen. The state has another
            ``Firing`` then, ``recovery``.
        scope: "record": it is given scalars that have reached the host, in every process alike. "samples": it is given
            every sample's distance to truth, beside the record on the device, and must read nothing back from there.
        observes: quantities of the series watched; of scope "samples", ("distance_to_truth",).
        observes_trained: quantities, at the same record, of the first probe trained on that has them.
        held_out_only: whether it does not watch probes that the model is trained on.
        watches: kinds of series: "probe", "weights" (all weights together), "weight_group".
        readings: scalar fields of the state that ``message`` and ``verdict`` get by name.
        constants: fields of the state that no record changes, and ``start`` gives again: they are not saved.
        stacks: of scope "samples", whether ``extend`` and ``reading`` also take several series of as many samples at
            once, with a dimension for them before all others of the state, but of constants, and of what is observed;
            it does nothing then but compute with tensors, of which ``step`` may be one (scalar int64). A class that has
            one of these two of its own, or from a mixin, and does not say so again, takes none.
    """

    name: str
    recovered: str | None = None
    scope: Literal["record", "samples"] = "record"
    observes: tuple[str, ...]
    observes_trained: tuple[str, ...] = ()
    held_out_only: bool = False
    watches: tuple[Kind, ...] = ("probe",)
    readings: tuple[str, ...] = ()
    constants: ClassVar[tuple[str, ...]] = ()
    stacks: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if nearer(cls, "extend", "stacks") or nearer(cls, "reading", "stacks"):
            cls.stacks = False  # written for one series, as markers are

    @property
    def on_host(self) -> bool:
        """Whether its state is extended on the host, in every process; else on the device, in the first."""
        return self.scope == "record"

    def applies_to(self, series: Series) -> bool:
        """Returns whether it watches a series."""
        held_out = not (self.held_out_only and series.trained)
        return series.kind in self.watches and held_out and set(self.observes) <= set(series.quantities)

    def observed(self, row: Mapping[str, float]) -> list[float]:
        """Returns what ``extend`` gets of a record, of scope "record": the quantities of ``observes``.

        Args:
            row: quantities of the series by name, those derived from them too.
        """
        return [row[quantity] for quantity in self.observes]

    @abstractmethod
    def start(self, like: Tensor) -> Any:
        """Returns the state before the first record, of the type and on the device of ``like``.

        Args:
            like: a scalar; of scope "samples", of shape (N,), as the distances will be.
        """

    @abstractmethod
    def extend(self, state: Any, step: int, observation: Tensor, trained: Tensor) -> Any:
        """Returns the state after a record; it decides itself what a value that is not finite means.

        Args:
            state: from ``start`` or an earlier call.
            step: optimizer steps taken.
            observation: the quantities of ``observes``, shape (len(observes),); of scope "samples", every sample's
                distance to truth, shape (N,), nats.
            trained: the quantities of ``observes_trained``, shape (len(observes_trained),); NaN where no probe trained
                on has them.
        """

    def reading(self, state: Any) -> Tensor:
        """Returns what the host has to know of a state, shape (width,): a ``Firing`` an event, and ``readings``."""
        firings = [*state.firing, *(state.recovery if self.recovered else ())]
        return torch.stack([*firings, *(getattr(state, name) for name in self.readings)], -1)

    @property
    def event_names(self) -> tuple[str, ...]:
        """The names of its events, in the order in which a reading tells of them."""
        return (self.name, self.recovered) if self.recovered else (self.name,)

    @property
    def width(self) -> int:
        """How many numbers a reading holds."""
        return len(Firing._fields) * len(self.event_names) + len(self.readings)

    @abstractmethod
    def message(self, event: Event, **reading: float) -> str:
        """Returns evidence, likely cause, and what to do.

        Args:
            event: whose own message is still empty.
            reading: ``readings`` at the record that made it known.
        """

    def verdict(self, flagged: bool, samples: int, **reading: float) -> Verdict | None:
        """Returns what can be said of overfitting on a probe by now, or None where this marker does not judge that.

        Args:
            flagged: whether it has fired there, and that was not withdrawn.
            samples: the size of the probe.
            reading: ``readings`` at the last record.
        """
        return None


def nearer(cls: type, method: str, attribute: str) -> bool:
    """Returns whether a class, or one that it derives from, has a method without regard to what a farther one says."""
    found = [next(k for k, kind in enumerate(cls.__mro__) if name in vars(kind)) for name in (method, attribute)]
    return found[0] < found[1]


def state_where(condition: Tensor, new: Any, old: Any) -> Any:
    """Returns the state ``new`` where ``condition`` (bool) holds, else ``old``; reads nothing back.

    The condition is a scalar, or has a dimension for the series of a stack. Tensors of one shape and type are chosen
    between together.
    """
    news, olds = list(_leaves(new)), list(_leaves(old))
    groups: dict[Any, list[int]] = {}
    for place, (a, b) in enumerate(zip(news, olds, strict=True)):
        if a is not b:
            groups.setdefault((a.shape, a.dtype, b.dtype), []).append(place)
    for (shape, *_), places in groups.items():
        extra = len(shape) - condition.dim()
        when = condition.reshape(condition.shape + (1,) * extra) if extra else condition
        after, before = (torch.stack([of[place] for place in places]) for of in (news, olds))
        for place, chosen in zip(places, torch.where(when, after, before).unbind(), strict=True):
            news[place] = chosen
    return _with_leaves(new, iter(news))


def stacked_states(marker: Marker, states: Sequence[Any]) -> Any:
    """Returns the states of several series as that of a stack of them."""
    return _stacked(states, marker.constants)


def state_of(marker: Marker, state: Any, series: int) -> Any:
    """Returns the state of one series of a stack."""
    parts = {field: _part(value, series) for field, value in state._asdict().items() if field not in marker.constants}
    return state._replace(**parts)


def packed(marker: Marker, state: Any) -> Any:
    """Returns a marker's state as nested dicts of CPU tensors and plain values, without its constants."""
    saved = _packed(state)
    return {field: value for field, value in saved.items() if field not in marker.constants}


def unpacked(marker: Marker, saved: Any, fresh: Any) -> Any:
    """Returns the state that ``packed`` gave ``saved`` for.

    Args:
        marker: whose state it is.
        saved: by any version of this package. Where another one's state held other things, the marker begins anew; what
            it has said stays said.
        fresh: what ``start`` returned, of the type and on the device that are wanted.
    """
    names = {field: inside for field, inside in _names(fresh).items() if field not in marker.constants}
    if _names(saved) != names:
        say(f"{marker.name} begins anew here, in the middle of the training; what it has said stays.")
        names = {field: None for field in only_said(saved) if field in names}
    return fresh._replace(**{field: _unpacked(saved[field], getattr(fresh, field)) for field in names})


def only_said(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Returns of what ``packed`` returned only what the marker has said, from which it begins anew."""
    return {field: saved[field] for field in ("firing", "recovery") if field in saved}


def tell_of_other_samples(probes: Sequence[str]) -> None:
    """Says that the samples beside these probes are others now."""
    say(f"the further samples beside {', '.join(map(repr, probes))} are not those of the checkpoint.")


def _packed(state: Any) -> Any:
    if isinstance(state, Tensor):
        return state.cpu()
    if hasattr(state, "_asdict"):
        return {field: _packed(value) for field, value in state._asdict().items()}
    return list(state) if isinstance(state, tuple) else state


def _unpacked(saved: Any, like: Any) -> Any:
    if isinstance(like, Tensor):
        return saved.to(like.device)
    if hasattr(like, "_asdict"):
        return type(like)(**{field: _unpacked(saved[field], value) for field, value in like._asdict().items()})
    return tuple(saved) if isinstance(like, tuple) else saved


def _leaves(state: Any) -> Iterator[Tensor]:
    for value in state:
        if isinstance(value, Tensor):
            yield value
        elif hasattr(value, "_asdict"):
            yield from _leaves(value)


def _with_leaves(state: Any, leaves: Iterator[Tensor]) -> Any:
    if isinstance(state, Tensor):
        return next(leaves)
    return state._make(_with_leaves(value, leaves) for value in state) if hasattr(state, "_asdict") else state


def _stacked(states: Sequence[Any], constants: Sequence[str] = ()) -> Any:
    first = states[0]
    if isinstance(first, Tensor):
        return torch.stack(list(states))
    fields = zip(first._fields, zip(*states, strict=True), strict=True)
    return first._make(of[0] if field in constants else _stacked(of) for field, of in fields)


def _part(state: Any, series: int) -> Any:
    return state[series] if isinstance(state, Tensor) else state._make(_part(value, series) for value in state)


def _names(state: Any) -> Any:
    """Returns the names of all there is in a state, packed or not."""
    fields = state._asdict() if hasattr(state, "_asdict") else state
    return {field: _names(value) for field, value in fields.items()} if isinstance(fields, Mapping) else None
