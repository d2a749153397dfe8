"""The records of a run on a probe: checked tensors, of the steps at which all of them have arrived."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infogeo_tensorboard.metadata import ProbeMetadata
from infogeo_tensorboard.points import Bytes
from infogeo_tensorboard.problems import RecordedError

_EXACT = 2.0**53
"""Whole numbers up to it are floats without loss."""


@dataclass(frozen=True)
class Numbers:
    """The curves of a run.

    Attributes:
        at: Event.step of each record, shape (T,), increasing.
        wall: time of writing, seconds since 1970, shape (T,).
        values: shape (T, K), NaN where undefined.
        problem: why some were left out, in words; "" where none were.
    """

    at: NDArray[np.int64]
    wall: NDArray[np.float64]
    values: NDArray[np.float64]
    problem: str = ""

    @property
    def steps(self) -> NDArray[np.int64]:
        """Optimizer steps, shape (T,)."""
        return self.values[:, 0].astype(np.int64)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.at.nbytes + self.wall.nbytes + self.values.nbytes


@dataclass(frozen=True)
class Recording:
    """What a run's model predicts at its records.

    Attributes:
        metadata: of the probe.
        at: Event.step of each record, shape (T,), increasing.
        wall: time of writing, seconds since 1970, shape (T,).
        numbers: shape (T, K), float64, named by ``metadata.quantities``.
        amplitudes: as written, uint8, shape (T, N, W).
        answers: as written, shape (T, N, 3).
        problem: why some records were left out, in words; "" where none were.
    """

    metadata: ProbeMetadata
    at: NDArray[np.int64]
    wall: NDArray[np.float64]
    numbers: NDArray[np.float64]
    amplitudes: Bytes
    answers: NDArray[Any]
    problem: str = ""

    def __len__(self) -> int:
        return len(self.at)

    @property
    def steps(self) -> NDArray[np.int64]:
        """Optimizer steps, shape (T,)."""
        return self.numbers[:, 0].astype(np.int64)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(array.nbytes for array in (self.at, self.wall, self.numbers, self.amplitudes, self.answers))

    def quantity(self, name: str) -> NDArray[np.float64] | None:
        """Returns a curve, shape (T,), or None."""
        names = self.metadata.quantities
        return self.numbers[:, names.index(name)] if name in names else None

    def thinned(self, every: int) -> Recording:
        """Returns every so-many-th record."""
        if every == 1:
            return self
        return Recording(
            metadata=self.metadata,
            at=self.at[::every],
            wall=self.wall[::every],
            numbers=self.numbers[::every],
            amplitudes=self.amplitudes[::every],
            answers=self.answers[::every],
            problem=self.problem,
        )


def read_numbers(metadata: ProbeMetadata, numbers: Iterable[Any]) -> Numbers:
    """Returns the curves of a run.

    Args:
        metadata: of the probe.
        numbers: its data, each with ``step``, ``wall_time`` and ``numpy``.
    """
    good, bad = _sorted_out(numbers, lambda value: _are_numbers(value, metadata))
    at = np.array([datum.step for datum in good], np.int64)
    wall = np.array([datum.wall_time for datum in good], np.float64)
    values = np.array([datum.numpy for datum in good], np.float64).reshape(len(good), len(metadata.quantities))
    return Numbers(at, wall, values, _left_out("numbers", bad))


def read_recording(
    metadata: ProbeMetadata, amplitudes: Iterable[Any], answers: Iterable[Any], numbers: Iterable[Any]
) -> Recording:
    """Returns the records of a run that have amplitudes, answers and numbers.

    Args:
        metadata: of the probe.
        amplitudes: data, each with ``step``, ``wall_time`` and ``numpy``.
        answers: data.
        numbers: data.

    Raises:
        RecordedError: where there are data, but none as the metadata have it.
    """
    samples, width = metadata.samples, metadata.width
    given = list(amplitudes)
    points, bad = _sorted_out(given, lambda value: value.dtype == np.uint8 and value.shape == (samples, width))
    said, bad_answers = _sorted_out(answers, lambda value: _are_answers(value, metadata))
    curves = read_numbers(metadata, numbers)
    if given and not points:
        raise RecordedError(f"amplitudes are not of type uint8 and shape ({samples}, {width})")
    answer_at = {datum.step: datum.numpy for datum in said}
    row = {int(step): index for index, step in enumerate(curves.at)}
    kept = [datum for datum in points if datum.step in answer_at and datum.step in row]
    rows = [row[datum.step] for datum in kept]
    shape, dtype = (len(kept), samples, 3), answer_at[kept[0].step].dtype if kept else np.float32
    return Recording(
        metadata=metadata,
        at=np.array([datum.step for datum in kept], np.int64),
        wall=curves.wall[rows],
        numbers=curves.values[rows],
        amplitudes=np.array([datum.numpy for datum in kept], np.uint8).reshape(len(kept), samples, width),
        answers=np.array([answer_at[datum.step] for datum in kept], dtype).reshape(shape),
        problem=_left_out("amplitudes", bad) or _left_out("answers", bad_answers) or curves.problem,
    )


def _sorted_out(data: Iterable[Any], is_good: Callable[[NDArray[Any]], bool]) -> tuple[list[Any], int]:
    good, bad = [], 0
    for datum in data:
        if isinstance(datum.numpy, np.ndarray) and is_good(datum.numpy):
            good.append(datum)
        else:
            bad += 1
    return good, bad


def _are_numbers(value: NDArray[Any], metadata: ProbeMetadata) -> bool:
    if value.dtype != np.float64 or value.shape != (len(metadata.quantities),):
        return False
    return bool(np.abs(value[0]) < _EXACT)  # so neither NaN nor ∞


def _are_answers(value: NDArray[Any], metadata: ProbeMetadata) -> bool:
    if value.dtype not in (np.float16, np.float32) or value.shape != (metadata.samples, 3):
        return False
    predicted, logarithms = value[:, 2], value[:, :2] if metadata.labels is not None else value[:, 1:2]
    with np.errstate(invalid="ignore"):
        return bool(((predicted >= 0) & (predicted < metadata.classes)).all() and (logarithms <= 1e-3).all())


def _left_out(what: str, count: int) -> str:
    return "" if not count else f"{what} of {count} record{'s' * (count > 1)} are not as its metadata have it"
