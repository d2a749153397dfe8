"""What a comparison needs of a run: its records, read piece by piece."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from torch import Tensor


class Recorded(Protocol):
    """A run whose predictions on a probe were recorded. An archive is one, and so is ``Recording``."""

    @property
    def name(self) -> str:
        """Of the run, such as its folder's name."""

    @property
    def steps(self) -> Tensor:
        """Optimizer steps of the records, shape (T,), int64, increasing."""

    @property
    def amplitudes(self) -> Any:
        """Shape (T, N, C): an array with ``.shape`` that gives ``[records]`` and ``[records, samples]``.

        ``records`` is a slice or an array of int, ``samples`` a slice; what comes back is an array or a tensor. Only
        what is asked for need be read from the disk.
        """

    @property
    def labels(self) -> Tensor | None:
        """Of the probe's samples, shape (N,), int64; None where there are none."""

    @property
    def fingerprint(self) -> str:
        """Of the probe's inputs: runs with the same fingerprint saw the same samples in the same order."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Hyper-parameters and the like, nested as JSON is."""


class Recording(NamedTuple):
    """A run held in memory, for arrays of one's own.

    Attributes:
        name: of the run.
        steps: shape (T,), int64, increasing.
        amplitudes: tensor or array, shape (T, N, C); ``amplitudes(logits)`` makes them.
        labels: shape (N,), int64, or None.
        fingerprint: of the probe; where all runs leave it empty they are taken to share one.
        metadata: nested mapping, by whose keys runs can be grouped.
    """

    name: str
    steps: Tensor
    amplitudes: Any
    labels: Tensor | None = None
    fingerprint: str = ""
    metadata: Mapping[str, Any] = MappingProxyType({})
