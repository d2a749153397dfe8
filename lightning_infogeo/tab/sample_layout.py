"""What is written of the samples of a probe: which of them, and how many numbers of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

RECORDS = 100
"""Records that the budget is meant for: a training of a hundred thousand steps makes some 110 at the default."""

WIDTH = 64
"""Numbers of a sketch: overlaps of single samples are off by 1/8, means of 500 samples by less than 0.01."""

LEAST = 64
"""Samples written in any case."""

HALF_EXACT = 2048
"""Indices of classes up to this are exact in float16."""


class SampleLayout(NamedTuple):
    """What is written of the samples of a probe.

    Attributes:
        samples: how many there are.
        classes: how many.
        kept: numbers that the monitor keeps of a sample: the classes, or less where it keeps sketches.
        written: how many samples are written.
        width: how many numbers of each; less than ``kept`` where sketches are written.
    """

    samples: int
    classes: int
    kept: int
    written: int
    width: int

    @property
    def sketched(self) -> bool:
        """Whether the numbers of a sample are no amplitudes of classes."""
        return self.width < self.classes

    @property
    def indices(self) -> Tensor | None:
        """The samples that are written, evenly among all, shape (written,), int64; None for all.

        Example:
            >>> SampleLayout(samples=5, classes=2, kept=2, written=2, width=2).indices
            tensor([0, 2])
        """
        if self.written == self.samples:
            return None
        return torch.arange(self.written) * self.samples // self.written

    @property
    def answer_type(self) -> torch.dtype:
        """The type of answers: the last of the three is a class, which has to be exact."""
        return torch.float16 if self.classes <= HALF_EXACT else torch.float32

    @property
    def nbytes(self) -> int:
        """Bytes of a record: one for each number, and three more numbers of each sample."""
        return self.written * (self.width + 3 * self.answer_type.itemsize)


def laid_out(sizes: Mapping[str, tuple[int, int, int]], budget: int) -> dict[str, SampleLayout]:
    """Returns what is written of each probe, so that ``RECORDS`` records fit where that is possible.

    Args:
        sizes: samples, classes, and numbers kept of a sample, by probe.
        budget: bytes for all records of all probes.

    Example:
        >>> laid_out({"val": (512, 10, 10)}, 8_000_000)["val"].nbytes
        8192
        >>> imagenet = laid_out({"train": (512, 1000, 1000), "val": (512, 1000, 1000)}, 8_000_000)["val"]
        >>> imagenet.written, imagenet.width, imagenet.sketched
        (512, 64, True)
    """
    share = budget // RECORDS // max(len(sizes), 2)  # runs with one probe and with two are on the same map
    layouts = {}
    for name, (samples, classes, kept) in sizes.items():
        layout = SampleLayout(samples, classes, kept, samples, kept)
        if layout.nbytes > share:
            layout = layout._replace(width=min(kept, WIDTH))
        if layout.nbytes > share:
            each = layout.nbytes // samples
            layout = layout._replace(written=min(samples, max(LEAST, share // each)))
        layouts[name] = layout
    return layouts
