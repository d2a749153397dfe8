"""What ``memory`` allows to be kept on the device: how many records, and whether logits or sketches of them."""

from __future__ import annotations

from typing import NamedTuple

from lightning_infogeo.embedding.settings import LEAST_RECORDS
from lightning_infogeo.errors import ConfigurationError

_SETS = 4
"""Predictions each probe keeps beside its history: the first, the last, one a lag ago, and the present one."""

_WIDTHS = (1024, 512, 256)
_ENOUGH = 32


class MemoryBudget(NamedTuple):
    """What is kept of each probe.

    Attributes:
        records: the most in the history; 0 where none is kept.
        width: of sketches; None where nothing is sketched.
        exact: whether logits are kept for the next record, so that velocity, length and displacement are exact; else
            sketches of width ``width`` are.
    """

    records: int
    width: int | None
    exact: bool

    def nbytes(self, samples: int, classes: int) -> int:
        """Returns the bytes that this is of N ``samples`` of C ``classes``.

        Example:
            >>> MemoryBudget(records=256, width=None, exact=True).nbytes(512, 10)
            5324800
        """
        width = self.width or classes
        return 4 * samples * (_SETS * (classes if self.exact else width) + self.records * width)


def allotted(samples: int, classes: int, memory: int, max_records: int, sketch_dim: int | None = None) -> MemoryBudget:
    """Returns the best that fits.

    Everything as it is, if at least eight records fit beside four sets of logits. Else the history is sketched: to
    ``sketch_dim`` numbers a sample, or to 1,024, fewer (at least 256) where 32 records would not fit. Else the four
    sets are sketched, too.

    Args:
        samples: of all probes together, N.
        classes: C.
        memory: bytes.
        max_records: to be kept; 0 for no history.
        sketch_dim: asked for, or None.

    Raises:
        ConfigurationError: where not even eight sketched records fit.

    Example:
        1,024 tokens of a vocabulary of 128,000 take 524 MB as logits.

        >>> allotted(1024, 128_000, memory=256_000_000, max_records=256)
        MemoryBudget(records=57, width=1024, exact=False)
        >>> allotted(1024, 128_000, memory=2_500_000_000, max_records=256)
        MemoryBudget(records=96, width=1024, exact=True)
        >>> allotted(512, 10, memory=256_000_000, max_records=256)
        MemoryBudget(records=256, width=None, exact=True)
    """
    logits, least = 4 * samples * classes, LEAST_RECORDS if max_records else 0
    widths = [width for width in ((sketch_dim,) if sketch_dim else _WIDTHS) if width < classes]
    whole = memory // logits - _SETS
    if not (sketch_dim and widths) and whole >= least:
        return MemoryBudget(min(max_records, whole), None, True)
    for exact in (True, False):
        for width in widths:
            sketch = 4 * samples * width
            room = (memory - _SETS * (logits if exact else sketch)) // sketch
            if room >= min(max_records, _ENOUGH if width != widths[-1] else LEAST_RECORDS):
                return MemoryBudget(min(max_records, room), width, exact)
    if not max_records:
        return MemoryBudget(0, None, True)
    narrower = " a sketch_dim in the distribution," if classes > _WIDTHS[-1] else ""
    raise ConfigurationError(
        f"`InfoGeometryMonitor(memory={memory})`: holds {max(whole, 0)} records of {logits} bytes, at least "
        f"{LEAST_RECORDS} are needed; give more memory, a smaller probe_size,{narrower} or embedding=False."
    )


def exact_from(samples: int, classes: int, max_records: int, width: int) -> int:
    """Returns the bytes from which logits are kept, beside the fewest records, sketched to ``width``.

    Example:
        >>> exact_from(1024, 128_000, 256, 1024)
        2130706432
    """
    return 4 * samples * (_SETS * classes + (LEAST_RECORDS * width if max_records else 0))
