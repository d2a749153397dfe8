"""The map of all runs that were evaluated on the same samples: computed once for what has been recorded."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infogeo_tensorboard import landmarks
from infogeo_tensorboard.answers import Answers
from infogeo_tensorboard.catalogue import Entry, Group
from infogeo_tensorboard.distance_table import DistanceTable, minus_log_overlaps
from infogeo_tensorboard.inpca import AXES, SignedAxes, inpca
from infogeo_tensorboard.json_values import rounded
from infogeo_tensorboard.library import Library
from infogeo_tensorboard.milestones import milestones
from infogeo_tensorboard.points import Bytes, Points
from infogeo_tensorboard.recording import Recording
from infogeo_tensorboard.source import Source

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Places:
    """Where records have stood last."""

    coordinates: dict[Hashable, Floats]
    vectors: dict[Hashable, Floats]


class LiveMap:
    """One map, which keeps its axes and its distances while runs grow, come and go.

    Args:
        library: of what has been read.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._table = DistanceTable()
        self._places = _Places({}, {})
        self._answer: dict[str, Any] | None = None

    def answer(self, source: Source, group: Group) -> dict[str, Any]:
        """Returns the map as JSON has it; who asks while it is computed waits for it.

        Args:
            source: to read from.
            group: what lies on it.
        """
        with self._lock:
            if self._answer is None or self._answer["revision"] != map_revision(self._library, source, group):
                answer = self._computed(source, group)
                # Only now it is known which runs cannot be read; when they can be, or may be, it is another revision.
                self._answer = answer | {"revision": map_revision(self._library, source, group)}
            return self._answer

    def _computed(self, source: Source, group: Group) -> dict[str, Any]:
        read = list(self._library.recordings(source, group))
        sizes = [len(recording) for _, recording in read]
        every = landmarks.thinning(sizes, group.metadata.samples * group.metadata.width)
        members = [(entry, recording.thinned(every)) for entry, recording in read]
        counts = [len(recording) for _, recording in members]
        answer: dict[str, Any] = {
            "key": group.key,
            "runs": [entry.name for entry, _ in members],
            "member": np.repeat(np.arange(len(members)), counts).tolist(),
            "steps": np.concatenate([[], *[recording.steps for _, recording in members]]).astype(int).tolist(),
            "x": np.concatenate([[], *[recording.at for _, recording in members]]).astype(int).tolist(),
            "wall": np.concatenate([[], *[recording.wall for _, recording in members]]).round(3).tolist(),
            "curves": curves([recording for _, recording in members]),
            "thinned": every,
        }
        nowhere = {"coordinates": [], "path": None, "ignorance": None, "eigenvalues": [0.0] * AXES, "stress": 1.0}
        nowhere |= {"timelike": [False] * AXES, "landmarks": None, "samples_used": group.metadata.samples}
        return answer | (self._embedded(source, group, members, counts) if sum(counts) else nowhere)

    def _embedded(
        self, source: Source, group: Group, members: Sequence[tuple[Entry, Recording]], counts: Sequence[int]
    ) -> dict[str, Any]:
        metadata, records = group.metadata, sum(counts)
        spanning = landmarks.spanning(counts)
        samples = landmarks.samples(records, len(spanning), metadata.samples, metadata.width)
        sketched = metadata.sketched
        points = Points([recording.amplitudes for _, recording in members if len(recording)], sketched, samples)
        keys: list[Hashable] = [
            (entry.run, entry.monitor, int(at), float(wall))
            for entry, recording in members
            for at, wall in zip(recording.at, recording.wall, strict=True)
        ]
        self._table.update(points, keys, spanning, metadata.floor)
        distances = self._table.distances
        axes = inpca(distances[spanning], self._start([keys[index] for index in spanning]))
        marks = self._marks(source, group, points, spanning)
        placed = None if marks is None else axes.place(marks)
        signs = self._signs(axes, [keys[index] for index in spanning], placed)
        axes = axes.flipped(signs)
        coordinates = axes.coordinates if len(spanning) == records else axes.place(distances)
        coordinates[spanning] = axes.coordinates
        self._places = _Places(
            dict(zip(keys, coordinates, strict=True)),
            dict(zip([keys[index] for index in spanning], axes.vectors, strict=True)),
        )
        path = None if placed is None else rounded(placed * signs)
        return {
            "coordinates": rounded(coordinates),
            "path": path if path is not None and len(path) > 1 else None,
            "ignorance": path[0] if path else None,
            "eigenvalues": rounded(axes.eigenvalues),
            "timelike": (axes.eigenvalues < 0).tolist(),
            "stress": rounded(axes.stress),
            "landmarks": None if len(spanning) == records else len(spanning),
            "samples_used": len(samples),
        }

    def _start(self, keys: Sequence[Hashable]) -> Floats | None:
        """Returns the eigenvectors of the map before on the records of this one, shape (T, k)."""
        known = self._places.vectors
        if not known:
            return None
        nothing = np.zeros(len(next(iter(known.values()))))
        return np.array([known.get(key, nothing) for key in keys])

    def _signs(self, axes: SignedAxes, keys: Sequence[Hashable], placed: Floats | None) -> Floats:
        """Returns signs that keep what was shown where it was, and put truth and the last record on the right."""
        sides = axes.coordinates[-1].copy()
        if placed is not None and len(placed) > 1:
            sides[0] = placed[-1, 0] - placed[0, 0]
        shared = [index for index, key in enumerate(keys) if key in self._places.coordinates]
        if shared:
            before = np.array([self._places.coordinates[keys[index]] for index in shared])
            overlap = (axes.coordinates[shared] * before).sum(0)
            sides = np.where(overlap != 0, overlap, sides)
        return np.where(sides < 0, -1.0, 1.0)

    def _marks(self, source: Source, group: Group, points: Points, spanning: NDArray[np.intp]) -> Floats | None:
        """Returns the distances of ignorance, and of the geodesic to truth, to what spans the map."""
        metadata = group.metadata
        if points.sketched:
            recorded = (self._library.geodesic(source, probe) for _, probe in group.members)
            written: Bytes | None = next((marks for marks in recorded if marks is not None), None)
            if written is None:
                return None
            chunks = Points([written], True, points.samples).chunks()
        else:
            labels = None if metadata.labels is None else np.array(metadata.labels)[points.samples]
            marks = milestones(len(points.samples), metadata.classes, labels).swapaxes(0, 1)
            chunks = iter(np.split(marks, np.cumsum([len(chunk) for chunk in points.chunks()])[:-1]))
        spans = (chunk[:, spanning] for chunk in points.chunks())
        return minus_log_overlaps(chunks, spans, metadata.floor) / len(points.samples)


def map_revision(library: Library, source: Source, group: Group) -> str:
    """Returns what changes when anything on a map may have changed."""
    changing = group.key, group.version, library.marks(source, group)
    return hashlib.sha256(repr(changing).encode()).hexdigest()[:16]


def curves(recordings: Sequence[Recording]) -> dict[str, Any]:
    """Returns the curves of all records, one run after the other; None where a run lacks one."""
    names = dict.fromkeys(name for recording in recordings for name in recording.metadata.quantities[1:])
    found: dict[str, Any] = {}
    for name in names:
        parts = [recording.quantity(name) for recording in recordings]
        whole = [
            np.full(len(recording), np.nan) if part is None else part
            for recording, part in zip(recordings, parts, strict=True)
        ]
        found[name] = rounded(np.concatenate(whole))
    if recordings and recordings[0].metadata.labels is not None:
        found["accuracy"] = rounded(np.concatenate([accuracy(recording) for recording in recordings]))
    return found


def accuracy(recording: Recording) -> Floats:
    """Returns the share of samples that are right, shape (T,); NaN where answers are."""
    values = np.full(len(recording), np.nan)
    answers = Answers(recording.answers, recording.metadata.labels)
    values[answers.records] = answers.right.mean(1)
    return values
