"""The markers of scope "samples": they run beside the record, on the device, in the first process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from lightning_infogeo.copies import Portable
from lightning_infogeo.markers.marker import Marker, ReadingKey, packed, unpacked


class SampleMarkers(Portable):
    """Holds their states, and feeds them with every sample's distance to truth.

    Args:
        markers: those that watch each probe, by its name.
        like: tensors of the shape (N,), type and device of the distances on each of these probes.
        state: what ``state_dict`` returned, to go on from for the markers and probes that there are.
    """

    def __init__(
        self,
        markers: Mapping[str, Sequence[Marker]],
        like: Mapping[str, Tensor],
        state: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self._markers = {(marker.name, probe): marker for probe, listed in markers.items() for marker in listed}
        self._states: dict[ReadingKey, Any] = {}
        for (name, probe), marker in self._markers.items():
            fresh, saved = marker.start(like[probe]), (state or {}).get(probe, {})
            self._states[name, probe] = unpacked(marker, saved[name], fresh) if name in saved else fresh

    @property
    def widths(self) -> dict[ReadingKey, int]:
        """How many numbers each marker reads off each probe."""
        return {key: marker.width for key, marker in self._markers.items()}

    def extend(
        self, step: int, distances: Mapping[str, Tensor], trained: Mapping[str, Tensor]
    ) -> dict[ReadingKey, Tensor]:
        """Adds a record and returns the readings of all markers; reads nothing back from the device.

        Args:
            step: optimizer steps taken.
            distances: to truth, of every sample of every probe watched, shape (N,), nats.
            trained: the quantities of the probe trained on, by name, scalars; none where there is no such probe.
        """
        readings = {}
        for (name, probe), marker in self._markers.items():
            observed, nan = distances[probe], distances[probe].new_full((), torch.nan)
            beside = [trained.get(quantity, nan) for quantity in marker.observes_trained]
            beside_vector = torch.stack(beside) if beside else observed.new_empty(0)
            state = marker.extend(self._states[name, probe], step, observed, beside_vector)
            self._states[name, probe] = state
            readings[name, probe] = marker.reading(state)
        return readings

    def to(self, device: torch.device) -> None:
        """Moves all states to a device."""
        self._states = {key: _moved(state, device) for key, state in self._states.items()}

    def state_dict(self) -> dict[str, dict[str, Any]]:
        """Returns CPU tensors and plain values from which others go on: of each probe and marker, by name."""
        saved: dict[str, dict[str, Any]] = {}
        for (name, probe), state in self._states.items():
            saved.setdefault(probe, {})[name] = packed(self._markers[name, probe], state)
        return saved


def _moved(state: Any, device: torch.device) -> Any:
    if isinstance(state, Tensor):
        return state.to(device)
    return type(state)(*(_moved(value, device) for value in state)) if hasattr(state, "_asdict") else state
