"""The markers that look at every sample: they run beside the record, on the device, in the first process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from lightning_infogeo.copies import Portable
from lightning_infogeo.markers import SampleMarker, packed, unpacked
from lightning_infogeo.monitor.host.marker_runner import held_out
from lightning_infogeo.monitor.record_layout import Reading
from lightning_infogeo.trajectory import LABELLED_QUANTITIES


class SampleMarkers(Portable):
    """Holds their states, and feeds them.

    Args:
        of: the markers that watch a probe with labels, by name, given the probe's name.
    """

    def __init__(self, of: Callable[[str], Mapping[str, SampleMarker]]) -> None:
        self._of = of
        self._states: dict[str, dict[str, Any]] = {}

    def prepare(self, probe: str, like: Tensor) -> None:
        """Begins to watch a probe with distances such as ``like``, shape (N,), or brings what was begun there."""
        fresh = {name: marker.start(like) for name, marker in self._of(probe).items()}
        begun = self._states.get(probe, {})
        self._states[probe] = {name: unpacked(packed(begun.get(name, state)), state) for name, state in fresh.items()}

    @property
    def widths(self) -> dict[Reading, int]:
        """How many numbers each marker reads off each probe; known after ``prepare``."""
        return {(n, probe): self._of(probe)[n].width for probe, states in self._states.items() for n in states}

    def extend(
        self, step: int, distances: Mapping[str, Tensor], records: Mapping[str, Tensor]
    ) -> dict[Reading, Tensor]:
        """Adds a record and returns the readings of all markers.

        Args:
            step: optimizer steps taken.
            distances: to truth, of every sample of every probe with labels, shape (N,).
            records: the quantities of every probe: markers are told the distance to truth on samples trained on.
        """
        place = LABELLED_QUANTITIES.index("distance_to_truth")
        trained = next((records[probe][place] for probe in distances if not held_out(probe)), None)
        readings = {}
        for probe, values in distances.items():
            for name, marker in self._of(probe).items():
                state = marker.extend(self._states[probe][name], step, values, trained)
                self._states[probe][name] = state
                readings[name, probe] = marker.reading(state)
        return readings

    def release(self) -> None:
        """Takes everything off the device; ``prepare`` brings it back."""
        for probe, states in self._states.items():
            cpu = torch.zeros(0)
            fresh = {name: marker.start(cpu) for name, marker in self._of(probe).items()}
            self._states[probe] = {name: unpacked(packed(state), fresh[name]) for name, state in states.items()}

    def state_dict(self) -> dict[str, Any]:
        """Returns CPU tensors and plain values from which ``load_state_dict`` goes on."""
        return {
            probe: {name: packed(state) for name, state in states.items()} for probe, states in self._states.items()
        }

    def load_state_dict(self, state: Mapping[str, Mapping[str, Any]]) -> None:
        """Goes on from where ``state_dict`` left off, for the markers that there are; to be followed by ``prepare``."""
        like, self._states = torch.zeros(0), {}
        for probe, states in state.items():
            fresh = {name: marker.start(like) for name, marker in self._of(probe).items()}
            self._states[probe] = {name: unpacked(states[name], s) for name, s in fresh.items() if name in states}
