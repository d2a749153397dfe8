"""Predictions as they are recorded, 8 bits a number, and as points of the unit sphere, a few samples at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

_MEMORY = 2**25
"""Bytes of points at a time."""
_SAMPLES = 32
_SIGNED = 128
"""What stands for 0 in a sketch."""


@dataclass(frozen=True)
class Points:
    """The predictions of some records on a probe.

    Attributes:
        recorded: of each run, shape (T_r, N, W).
        sketched: whether they are sketches, so with a sign.
        samples: which samples are taken, increasing.
    """

    recorded: Sequence[Bytes]
    sketched: bool
    samples: NDArray[np.intp]

    def __len__(self) -> int:
        return sum(len(of_run) for of_run in self.recorded)

    def chunks(self) -> Iterator[Floats]:
        """Yields the points of all records in turn for some samples each, shape (samples, records, W)."""
        width = self.recorded[0].shape[2]
        step = max(1, min(_SAMPLES, _MEMORY // (4 * width * max(len(self), 1))))
        for first in range(0, len(self.samples), step):
            part = self.samples[first : first + step]
            yield on_sphere(np.concatenate([of_run[:, part] for of_run in self.recorded]), self.sketched).swapaxes(0, 1)


def on_sphere(recorded: Bytes, sketched: bool) -> Floats:
    """Returns unit vectors from what is recorded, shape (..., W); zeros where nothing is."""
    values = recorded.astype(np.float32)
    if sketched:
        values -= _SIGNED
    length = np.sqrt(np.einsum("...i,...i->...", values, values))
    values /= np.maximum(length, 1)[..., None]
    return values
