"""Reading the answers of a recorded run, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from infogeo_tensorboard.answers import Answers, answers_of
from lightning_infogeo.archive import ArchivedTrajectory
from lightning_infogeo.trajectory import Trajectory

PART = 2**26
"""Bytes of amplitudes, as float64, that are read at once."""

BLOCK = 2**28
"""Bytes of the answers of all records that are held at once: so many samples are followed at a time."""

_ANSWER = 24
"""Bytes of the three numbers of a sample at a record."""


class AmplitudeArray(Protocol):
    """Amplitudes of T records, shape (T, N, C), of which parts are read by indexing with slices."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape (T, N, C)."""

    def __getitem__(self, key: Any) -> Tensor:
        """Returns a part."""


def read_answers(
    amplitudes: AmplitudeArray, labels: Tensor | None, samples: slice = slice(None), records: int | None = None
) -> Answers:
    """Returns the answers at the records, which take 24 bytes a sample and record; amplitudes are read in parts.

    Args:
        amplitudes: shape (T, N, C).
        labels: shape (N,), or None.
        samples: which of them to read.
        records: how many of the first ones to read; None for all.

    Raises:
        ValueError: where a record holds NaN, or the labels do not fit.
    """
    records, classes = len(range(amplitudes.shape[0])[:records]), amplitudes.shape[2]
    rows = range(amplitudes.shape[1])[samples]
    own = None if labels is None else labels[samples].numpy()
    values = np.empty((records, len(rows), 3))
    wide = max(1, min(len(rows), PART // (8 * classes)))
    count = max(1, PART // (8 * wide * classes))
    for first in range(0, len(rows), wide):
        part = slice(rows.start + first, min(rows.start + first + wide, rows.stop))
        inside = slice(first, first + wide)
        for start in range(0, records, count):
            some = slice(start, min(start + count, records))
            read = amplitudes[some, part].numpy()
            values[some, inside] = answers_of(read, None if own is None else own[inside])
    answers = Answers(values, own)
    if len(answers) < records:
        raise ValueError("`amplitudes`: a record holds NaN among its predictions, so the archive is damaged.")
    return answers


class FiniteRecords:
    """The amplitudes of an archived trajectory without the records whose logits were not finite.

    Args:
        recorded: of a probe.

    Attributes:
        which: indices of its records, increasing, shape (t,).
        shape: (t, N, C).

    Raises:
        ArchiveError: where it has no amplitudes.
    """

    def __init__(self, recorded: ArchivedTrajectory) -> None:
        self._amplitudes = recorded.amplitudes
        self.which = recorded.quantities.isfinite().any(1).nonzero().flatten()  # the row of another is all NaN
        self.shape = (len(self.which), *self._amplitudes.shape[1:])

    @classmethod
    def of(cls, trajectory: Trajectory) -> FiniteRecords:
        """Returns those of a trajectory.

        Raises:
            RuntimeError: where it was not opened from an archive.
            ValueError: where no record is left.
        """
        if trajectory.recorded is None:
            _ = trajectory.amplitudes  # says how to open one that has them
        assert trajectory.recorded is not None
        records = cls(trajectory.recorded)
        if not len(records.which):
            raise ValueError("`trajectory`: holds no record with finite logits.")
        return records

    def __getitem__(self, key: Any) -> Tensor:
        """Returns a part, by a slice of records and one of samples."""
        records, samples = key
        return self._amplitudes[self.which[records].numpy(), samples]


def of_every_sample(trajectory: Trajectory, function: str, measure: Callable[[Answers], Any]) -> Tensor:
    """Returns what is measured of every sample, those of a block at a time.

    Args:
        trajectory: opened from an archive, of a probe with labels.
        function: the public function for which it is asked, to be named where it fails.
        measure: returns an array of shape (n, ...) for the answers of n samples.

    Returns:
        Shape (N, ...), on the CPU.

    Raises:
        RuntimeError: where the trajectory was not opened from an archive.
        ValueError: where the probe has no labels, or there is no record with finite logits.
    """
    amplitudes = FiniteRecords.of(trajectory)
    if trajectory.labels is None:
        raise ValueError(
            f"`{function}(trajectory)`: its probe has no labels, so no answer is right; record one that has, with "
            "InfoGeometryMonitor(probes=Probe(inputs, labels))."
        )
    blocks = (measure(read_answers(amplitudes, trajectory.labels, rows)) for rows in _blocks(amplitudes.shape))
    return torch.from_numpy(np.concatenate(list(blocks)))


def _blocks(shape: tuple[int, int, int]) -> Iterator[slice]:
    records, samples, _ = shape
    size = max(1, BLOCK // (_ANSWER * records))
    for start in range(0, samples, size):
        yield slice(start, min(start + size, samples))
