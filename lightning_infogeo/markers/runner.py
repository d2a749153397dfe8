"""The markers of a monitor on the host: which watch which series, what they have seen, and whom that is told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from lightning_infogeo.console import say
from lightning_infogeo.lightnings import rank_zero_info, rank_zero_warn
from lightning_infogeo.markers.condensing import condensing
from lightning_infogeo.markers.event import Event, Verdict, standing_flags
from lightning_infogeo.markers.marker import (
    Firing,
    Marker,
    ReadingKey,
    only_said,
    packed,
    tell_of_other_samples,
    unpacked,
)
from lightning_infogeo.trajectory import Series


class MarkerRunner:
    """Feeds markers with records, on the host and the same in every process, and keeps the events.

    Markers of scope "record" run here, on rows that have reached the host. Those of scope "samples" run beside the
    record in the first process; their readings arrive with it, or what they condense it to, and then they run here too.

    Args:
        markers: each of another name.
        strict: whether one that raises stops training; otherwise it is warned of once and watches no more.
        series: what is recorded; none to tell only what ``state`` says.
        samples: the size of each probe; None for those of ``state``.
        state: what ``state_dict`` returned, to go on from for the markers that there are.
        dtype: of what markers condense records to.
        anew: probes of which markers that condense see other samples now than they did in ``state``.

    Attributes:
        markers: as given.
        events: so far, in the order in which they became known.
        failed: names of the markers that have raised.
    """

    def __init__(
        self,
        markers: Sequence[Marker],
        strict: bool,
        series: Sequence[Series] = (),
        samples: Mapping[str, int] | None = None,
        state: Mapping[str, Any] | None = None,
        dtype: torch.dtype = torch.float32,
        anew: Collection[str] = (),
    ) -> None:
        saved = state or {"events": [], "states": [], "counts": [], "readings": []}
        self._dtype = dtype
        self.markers = tuple(markers)
        self._by_name = {marker.name: marker for marker in markers}
        self._strict = strict
        self.failed: set[str] = set()
        self._samples = dict(saved.get("samples", {}) if samples is None else samples)
        self._trained = {marker.name: _trained_beside(marker, series) for marker in markers}
        self._watching = [
            (marker.name, one.name) for one in series for marker in markers if marker.on_host and marker.applies_to(one)
        ]
        self.events = [Event.of(fields) for fields in saved["events"]]
        self._counts = {(name, probe): int(count) for name, probe, count in saved["counts"]}
        readings = {(name, probe): [float(value) for value in reading] for name, probe, reading in saved["readings"]}
        # Another version's marker may have read other things; what it has read is known again at the next record.
        self._readings = {
            key: reading
            for key, reading in readings.items()
            if key[0] not in self._by_name or len(reading) == self._by_name[key[0]].width
        }
        before = {(name, probe): fields for name, probe, fields in saved["states"]}
        self._states = {
            (name, probe): self._begun(self._by_name[name], probe, before.get((name, probe)), probe in anew)
            for name, probe in self._watching
        }
        known = {(name, probe) for name, probe, _ in [*saved["states"], *saved["readings"]]}
        if series and known:
            self._tell_of_changes(known, {(m.name, one.name) for one in series for m in markers if m.applies_to(one)})

    def observe(
        self, step: int, rows: Mapping[str, Mapping[str, float]], readings: Mapping[ReadingKey, list[float]]
    ) -> list[Event]:
        """Takes a record and returns the events that it made known.

        Args:
            step: of the record.
            rows: the quantities of each series.
            readings: of each marker of samples on each probe, or what it condenses the record to.
        """
        new: list[Event] = []
        for name, probe in self._watching:
            given = readings.get((name, probe))
            new += self._attempt(name, partial(self._extend, name, probe, step, rows, given))
        for (name, probe), reading in readings.items():
            if self._by_name[name].on_host:
                continue
            self._readings[name, probe] = reading
            new += self._attempt(name, partial(self._new_events, name, probe, reading))
        self.events += new
        return new

    def scalars(self, new: Sequence[Event] | None = None) -> dict[tuple[str, ...], float]:
        """Returns what the loggers get of the markers.

        Args:
            new: events of the record: the step since which a probe overfits is told once, with its flag. None to tell
                it anyway.
        """
        if not self.markers:
            return {}
        flags = standing_flags(self.events)
        told: dict[tuple[str, ...], float] = {
            ("markers",): float(len(self.events)),
            ("overfitting",): float(bool(flags)),
        }
        if flags and (new is None or flags[0] in new):
            told["overfitting_onset",] = float(flags[0].step)
        return told

    def flag_has_stood(self, step: int, share: float) -> bool:
        """Returns whether an overfitting flag has stood by ``step`` while the training grew by ``share`` of itself."""
        return any(step + 1 >= (1 + share) * (flag.detected_at + 1) for flag in standing_flags(self.events))

    def verdicts(self) -> dict[str, Verdict]:
        """Returns what can be said of overfitting by now, for each probe that a marker judges; the last one counts.

        Of a marker that has raised only its flags stand: what it saw before says nothing of what came since.
        """
        verdicts = {}
        for (name, probe), values in self._readings.items():
            if name in self._by_name and probe in self._samples:
                marker = self._by_name[name]
                said = [
                    event.name for event in self.events if event.probe == probe and event.name in marker.event_names
                ]
                _, reading = _parts(marker, values)
                flagged = said[-1:] == [name]
                verdict = marker.verdict(flagged, self._samples[probe], **reading)
                if verdict is not None and (flagged or name not in self.failed):
                    verdicts[probe] = verdict
        return verdicts

    def words(self) -> dict[str, str]:
        """Returns the verdict on each probe that is judged, in a few words."""
        since = {flag.probe: f"flag since {flag.step}" for flag in standing_flags(self.events)}
        return {name: since.get(name, verdict.answer) for name, verdict in self.verdicts().items()}

    def state_dict(self) -> dict[str, Any]:
        """Returns tensors and plain values from which another runner goes on."""
        return {
            "events": [list(event) for event in self.events],
            "states": [[*key, packed(self._by_name[key[0]], state)] for key, state in self._states.items()],
            "samples": dict(self._samples),
            "counts": [[*key, count] for key, count in self._counts.items()],
            "readings": [[*key, reading] for key, reading in self._readings.items()],
        }

    def _tell_of_changes(self, known: set[ReadingKey], watching: set[ReadingKey]) -> None:
        """Says which markers of a state are there no more, and which begin to watch what others have watched so far."""
        lost = sorted({name for name, _ in known} - set(self._by_name))
        new = sorted({name for name, probe in watching - known})
        if lost:
            say(f"goes on without markers that the training so far had: {', '.join(lost)}.")
        if new:
            say(f"markers that begin to watch here, in the middle of the training: {', '.join(new)}.")

    def _begun(self, marker: Marker, probe: str, saved: Mapping[str, Any] | None, anew: bool) -> Any:
        of_samples = marker.scope == "samples"
        like = _on_host([0.0] * self._samples[probe], self._dtype) if of_samples else _on_host(0.0, torch.float64)
        fresh = marker.start(like)
        if saved is None:
            return fresh
        if of_samples and anew:  # what it has said stays
            tell_of_other_samples([probe])
            saved = only_said(saved)
        return unpacked(marker, saved, fresh)

    def _extend(
        self,
        name: str,
        probe: str,
        step: int,
        rows: Mapping[str, Mapping[str, float]],
        condensed: Sequence[float] | None,
    ) -> list[Event]:
        marker, row, before = self._by_name[name], rows[probe], self._states[name, probe]
        beside_it = self._trained[name]
        trained = {} if beside_it is None else rows[beside_it]
        beside = [trained.get(quantity, float("nan")) for quantity in marker.observes_trained]
        condenser = condensing(marker)
        if condenser is None or condensed is None:
            values = (_on_host(numbers, torch.float64) for numbers in (marker.observed(row), beside))
            state = marker.extend(before, step, *values)
        else:
            seen, told = (_on_host(numbers, self._dtype) for numbers in (condensed, beside))
            state = condenser.extend_condensed(before, step, seen, self._samples[probe], told)
        self._states[name, probe] = state
        self._readings[name, probe] = marker.reading(state).tolist()
        new = self._new_events(name, probe, self._readings[name, probe])
        return [] if _only_noise(row) else new

    def _attempt(self, name: str, look: Callable[[], list[Event]]) -> list[Event]:
        """Returns what a marker says, and nothing any more once it has raised; the same in every process."""
        if name in self.failed:
            return []
        try:
            return look()
        except Exception as error:
            if self._strict:
                raise
            self.failed.add(name)
            rank_zero_warn(
                f"`InfoGeometryMonitor(markers=...)`: {name!r} raised {type(error).__name__}: {error}. It watches no "
                "more; training and curves go on."
            )
            return []

    def _new_events(self, name: str, probe: str, reading: Sequence[float]) -> list[Event]:
        """Returns the events that a reading holds, but for those known."""
        marker, new = self._by_name[name], []
        firings, said = _parts(marker, reading)
        for event_name, (times, step, detected_at, strength) in zip(marker.event_names, firings, strict=True):
            if times > self._counts.get((event_name, probe), 0):
                self._counts[event_name, probe] = int(times)
                event = Event(event_name, probe, round(step), round(detected_at), strength, "")
                new.append(event._replace(message=marker.message(event, **said)))
        return new


def _parts(marker: Marker, reading: Sequence[float]) -> tuple[list[Sequence[float]], dict[str, float]]:
    """Returns the numbers of each ``Firing`` in a reading, one an event of its marker, and its ``readings`` by name."""
    width, kinds = len(Firing._fields), len(marker.event_names)
    firings = [reading[width * k : width * (k + 1)] for k in range(kinds)]
    return firings, dict(zip(marker.readings, reading[width * kinds :], strict=True))


def _on_host(numbers: float | Sequence[float], dtype: torch.dtype) -> Tensor:
    """Returns a tensor on the CPU, also where PyTorch's default device is another."""
    return torch.tensor(numbers, dtype=dtype, device="cpu")


def _trained_beside(marker: Marker, series: Sequence[Series]) -> str | None:
    """Returns the name of the first series trained on that has all a marker observes of one, else of the first."""
    trained = [one for one in series if one.trained]
    complete = [one for one in trained if set(marker.observes_trained) <= set(one.quantities)]
    return next((one.name for one in [*complete, *trained]), None)


def moment(words: Mapping[str, str]) -> str:
    """Returns the verdict of the moment, the worst of all probes; empty where nothing can be said.

    A probe is named where several are judged.

    Args:
        words: on each probe, as ``MarkerRunner.words`` gives them.

    Example:
        >>> moment({"val": "clean"}), moment({"val": "watch", "val_1": "flag since 670"}), moment({})
        ('clean', 'val_1: flag since 670', '')
    """
    for answer in ("flag", "watch", "clean"):
        for name, said in words.items():
            if said.startswith(answer):
                return f"{name}: {said}" if len(words) > 1 and answer != "clean" else said
    return ""


def announce(event: Event, on_event: Callable[[Event], object] | None, *, strict: bool) -> None:
    """Tells of an event on the console and to the user's function; in every process.

    Args:
        event: that has become known.
        on_event: the user's function, or None.
        strict: whether a failing ``on_event`` raises instead of warning.
    """
    rank_zero_info(f"[infogeo] {event.headline}: {event.message}")
    if on_event is not None:
        try:
            on_event(event)
        except Exception as error:
            if strict:
                raise
            rank_zero_warn(
                f"`InfoGeometryMonitor(on_event=...)`: raised {type(error).__name__}: {error}. Training goes on."
            )


def _only_noise(row: Mapping[str, float]) -> bool:
    """Whether at least half of a velocity of weights is the estimator's own noise: then its length says nothing.

    Of finitely many weights the estimated density moves, by its ``floor``, even where they are drawn anew from one
    distribution; a bend in the sum of such velocities is one of the noise. Predictions have no floor.
    """
    return "floor" in row and not row["velocity"] > 2 * row["floor"]
