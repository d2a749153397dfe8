"""The markers of a monitor: which watch which probe, and what they have seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch

from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.markers import Event, OverfittingOnset, Verdict, packed, unpacked
from lightning_infogeo.monitor.device.weight_densities import NETWORK
from lightning_infogeo.monitor.record_layout import Reading
from lightning_infogeo.trajectory import WEIGHTS, Trajectory

DISTANCES = ("distances",)
"""What a marker observes that needs every sample: such a one runs beside the record, on the device."""

_TRAINED = "trained_"


def held_out(probe: str) -> bool:
    """Returns whether a probe of this name counts as not trained on."""
    return not probe.startswith("train")


class MarkerRunner:
    """Feeds markers with records, on the host and the same in every process, and keeps the events.

    Markers of scalars run here, on rows that have reached the host. Markers of samples run in the first process beside
    the record; their readings arrive with it.

    Args:
        markers: each of another name.
        strict: whether one that raises stops training; otherwise it is warned of once and watches no more.

    Attributes:
        markers: as given.
        events: so far, in the order in which they became known.
    """

    def __init__(self, markers: Sequence[Any], strict: bool = False) -> None:
        self.markers = {marker.name: marker for marker in markers}
        self.events: list[Event] = []
        self._strict = strict
        self._failed: set[str] = set()
        self._samples: dict[str, int] = {}
        self._on_rows: list[tuple[str, str]] = []
        self._states: dict[tuple[str, str], Any] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._readings: dict[tuple[str, str], list[float]] = {}
        self._trained: str | None = None
        self._like = torch.zeros((), dtype=torch.float64)

    def sample_markers(self, probe: str) -> dict[str, Any]:
        """Returns the markers, by name, of every sample of a probe with labels."""
        return {n: marker for n, marker in self.markers.items() if marker.observes == DISTANCES and held_out(probe)}

    def begin(self, trajectories: Mapping[str, Trajectory], samples: Mapping[str, int]) -> None:
        """Decides which marker watches which probe.

        Args:
            trajectories: by probe.
            samples: the size of each.
        """
        self._samples = dict(samples)
        self._trained = next((name for name in trajectories if not held_out(name)), None)
        pairs = [(name, probe) for probe in trajectories for name in self.markers]
        self._on_rows = [(n, probe) for n, probe in pairs if self._observable(n, probe, trajectories)]
        for name, probe in self._on_rows:
            self._states.setdefault((name, probe), self.markers[name].start(self._like))

    def observe(
        self, step: int, rows: Mapping[str, Mapping[str, float]], readings: Mapping[Reading, list[float]]
    ) -> list[Event]:
        """Takes a record and returns the events that it made known.

        Args:
            step: of the record.
            rows: the quantities of each probe.
            readings: of each marker of samples on each probe.
        """
        new: list[Event] = []
        for name, probe in self._on_rows:
            new += self._attempt(name, partial(self._see, name, probe, step, rows))
        for (name, probe), reading in readings.items():
            self._readings[name, probe] = reading
            new += self._attempt(name, partial(self._news, name, probe, reading))
        self.events += new
        return new

    def scalars(self) -> dict[tuple[str, ...], float]:
        """Returns what the loggers get of the markers."""
        if not self.markers:
            return {}
        first = next((event for event in self.events if event.name == OverfittingOnset.name), None)
        return {
            ("markers",): float(len(self.events)),
            ("overfitting",): float(first is not None),
            ("overfitting_onset",): float("nan") if first is None else float(first.step),
        }

    def verdicts(self) -> dict[str, Verdict]:
        """Returns, for each probe watched for overfitting, what can be said about it by now."""
        found = {}
        for (name, probe), reading in self._readings.items():
            marker = self.markers.get(name)
            if isinstance(marker, OverfittingOnset) and probe in self._samples:
                found[probe] = marker.verdict(bool(reading[0] > 0), reading[-1], self._samples[probe])
        return found

    def state_dict(self) -> dict[str, Any]:
        """Returns tensors and plain values from which ``load_state_dict`` goes on."""
        return {
            "events": [list(event) for event in self.events],
            "states": [[*key, packed(state)] for key, state in self._states.items()],
            "samples": dict(self._samples),
            "counts": [[*key, count] for key, count in self._counts.items()],
            "readings": [[*key, reading] for key, reading in self._readings.items()],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from where ``state_dict`` left off, for the markers that there are."""
        self.events = [Event.of(fields) for fields in state["events"]]
        self._samples = dict(state.get("samples", {}))
        self._counts = {(name, probe): int(count) for name, probe, count in state["counts"]}
        self._readings = {
            (name, probe): [float(value) for value in reading] for name, probe, reading in state["readings"]
        }
        self._states = {
            (name, probe): unpacked(saved, self.markers[name].start(self._like))
            for name, probe, saved in state["states"]
            if name in self.markers
        }

    def _see(self, name: str, probe: str, step: int, rows: Mapping[str, Mapping[str, float]]) -> list[Event]:
        marker = self.markers[name]
        values = [self._value(quantity, probe, rows) for quantity in marker.observes]
        state = marker.extend(self._states[name, probe], step, torch.tensor(values, dtype=torch.float64))
        self._states[name, probe] = state
        found = self._news(name, probe, state.firing.vector().tolist())
        return [] if _only_noise(rows[probe]) else found

    def _attempt(self, name: str, look: Callable[[], list[Event]]) -> list[Event]:
        """Returns what a marker says, and nothing any more once it has raised; the same in every process."""
        if name in self._failed:
            return []
        try:
            return look()
        except Exception as error:
            if self._strict:
                raise
            self._failed.add(name)
            rank_zero_warn(
                f"`InfoGeometryMonitor(markers=...)`: {name!r} raised {type(error).__name__}: {error}. It watches no "
                "more; training and curves go on."
            )
            return []

    def _observable(self, name: str, probe: str, trajectories: Mapping[str, Trajectory]) -> bool:
        observes = self.markers[name].observes
        compares = any(quantity.startswith(_TRAINED) for quantity in observes)
        if compares and (self._trained is None or not held_out(probe)):
            return False
        if probe.startswith(WEIGHTS) and (probe != NETWORK or observes != ("length",)):
            return False  # of the weights only the path of the whole network
        of = {quantity: self._trained if quantity.startswith(_TRAINED) else probe for quantity in observes}
        return all(q.removeprefix(_TRAINED) in trajectories[of[q] or probe].quantities for q in observes)

    def _value(self, quantity: str, probe: str, rows: Mapping[str, Mapping[str, float]]) -> float:
        if quantity.startswith(_TRAINED) and self._trained is not None:
            return rows[self._trained][quantity.removeprefix(_TRAINED)]
        return rows[probe][quantity]

    def _news(self, name: str, probe: str, reading: Sequence[float]) -> list[Event]:
        count, step, detected_at, strength, *rest = reading
        known = self._counts.get((name, probe), 0)
        if not count > known:
            return []
        self._counts[name, probe] = int(count)
        event = Event(name, probe, round(step), round(detected_at), strength, "")
        return [event._replace(message=self.markers[name].message(event, *rest))]


def _only_noise(row: Mapping[str, float]) -> bool:
    """Whether the estimator's own noise accounts for half of a velocity or more: its path says nothing then."""
    return "floor" in row and not row["velocity"] > 2 * row["floor"]
