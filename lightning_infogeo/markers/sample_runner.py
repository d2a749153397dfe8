"""The markers of scope "samples": what of them runs beside the record, on the device, in the first process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.copies import Portable
from lightning_infogeo.markers.condensing import condensing
from lightning_infogeo.markers.marker import (
    Marker,
    ReadingKey,
    only_said,
    packed,
    stacked_states,
    state_of,
    tell_of_other_samples,
    unpacked,
)
from lightning_infogeo.trajectory.step import Step


class _Watch(NamedTuple):
    """A marker and the probes that it watches at once: several where it condenses or takes stacks, else one."""

    marker: Marker
    probes: tuple[str, ...]


class SampleMarkers(Portable):
    """Holds their states, and feeds them with every sample's distance to truth.

    Of a marker that condenses the state is with the ``MarkerRunner``; here is only what ``start`` returned.

    Args:
        markers: those that watch each probe, by its name.
        like: tensors of the shape (N,), type and device of the distances on each of these probes.
        state: what ``state_dict`` returned, to go on from for the markers and probes that there are.
        anew: probes that have other samples now than those of the state; what was said of them stays said.

    Attributes:
        tensors: the states.
    """

    def __init__(
        self,
        markers: Mapping[str, Sequence[Marker]],
        like: Mapping[str, Tensor],
        state: Mapping[str, Mapping[str, Any]] | None = None,
        anew: Collection[str] = (),
    ) -> None:
        saved = _of_same_samples(state or {}, anew)
        self._markers = {(marker.name, probe): marker for probe, listed in markers.items() for marker in listed}
        together: dict[Any, list[str]] = {}
        for (name, probe), marker in self._markers.items():
            alike = len(like[probe]) if _takes_several(marker) else probe
            together.setdefault((name, alike), []).append(probe)
        self._watches = [_Watch(self._markers[name, of[0]], tuple(of)) for (name, _), of in together.items()]
        self.tensors: list[Any] = []
        for marker, probes in self._watches:
            if marker.on_host:
                self.tensors.append(marker.start(like[probes[0]]))
                continue
            states = [self._begun(marker, like[probe], saved.get(probe, {})) for probe in probes]
            self.tensors.append(stacked_states(marker, states) if marker.stacks else states[0])

    @property
    def widths(self) -> dict[ReadingKey, int]:
        """How many numbers each marker reads off each probe."""
        markers = self._markers.items()
        return {
            key: condenser.condensed_width if (condenser := condensing(marker)) else marker.width
            for key, marker in markers
        }

    @property
    def stack(self) -> bool:
        """Whether all that runs here does nothing but compute with tensors, those of several series at once."""
        return all(_takes_several(marker) for marker, _ in self._watches)

    def extend(
        self, step: Step, distances: Mapping[str, Tensor], trained: Mapping[str, Tensor]
    ) -> dict[ReadingKey, Tensor]:
        """Adds a record and returns the readings of all markers, or what they condense it to; reads nothing back.

        Args:
            step: optimizer steps taken; a scalar int64 on the device only where all markers take stacks.
            distances: to truth, of every sample of every probe watched, shape (N,), nats.
            trained: the quantities of the probe trained on, by name, scalars; none where there is no such probe.
        """
        readings: dict[ReadingKey, Tensor] = {}
        for k, (marker, probes) in enumerate(self._watches):
            several = _takes_several(marker)
            observed = torch.stack([distances[probe] for probe in probes]) if several else distances[probes[0]]
            if (condenser := condensing(marker)) is not None:
                condensed = condenser.condensed(self.tensors[k], observed).unbind()
                readings |= {(marker.name, probe): row for probe, row in zip(probes, condensed, strict=True)}
                continue
            names = marker.observes_trained
            beside = [trained[name] if name in trained else observed.new_full((), torch.nan) for name in names]
            beside_vector = torch.stack(beside) if beside else observed.new_empty(0)
            extend: Callable[..., Any] = marker.extend  # where it takes stacks, also a step on the device
            state = self.tensors[k] = extend(self.tensors[k], step, observed, beside_vector)
            read = marker.reading(state)
            rows = read.unbind() if marker.stacks else [read]
            readings |= {(marker.name, probe): row for probe, row in zip(probes, rows, strict=True)}
        return readings

    def to(self, device: torch.device) -> None:
        """Moves all states to a device."""
        self.tensors = [_moved(state, device) for state in self.tensors]

    def state_dict(self) -> dict[str, dict[str, Any]]:
        """Returns CPU tensors and plain values from which others go on: of each probe and marker, by name."""
        saved: dict[str, dict[str, Any]] = {}
        for (marker, probes), state in zip(self._watches, self.tensors, strict=True):
            for series, probe in enumerate(() if marker.on_host else probes):
                own = state_of(marker, state, series) if marker.stacks else state
                saved.setdefault(probe, {})[marker.name] = packed(marker, own)
        return saved

    @staticmethod
    def _begun(marker: Marker, like: Tensor, saved: Mapping[str, Any]) -> Any:
        fresh = marker.start(like)
        return unpacked(marker, saved[marker.name], fresh) if marker.name in saved else fresh


def _takes_several(marker: Marker) -> bool:
    """Whether what runs here of a marker takes several series at once; ``condensed`` always does."""
    return marker.on_host or marker.stacks


def _of_same_samples(states: Mapping[str, Mapping[str, Any]], anew: Collection[str]) -> dict[str, Mapping[str, Any]]:
    """Returns states by probe and marker; of the probes that have other samples now, only what was said."""
    others = [probe for probe in states if probe in anew]
    if others:
        tell_of_other_samples(others)
    return {
        probe: {name: only_said(saved) for name, saved in of_probe.items()} if probe in others else of_probe
        for probe, of_probe in states.items()
    }


def _moved(state: Any, device: torch.device) -> Any:
    if isinstance(state, Tensor):
        return state.to(device)
    return type(state)(*(_moved(value, device) for value in state)) if hasattr(state, "_asdict") else state
