"""The interface of a run for comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from torch import Tensor


class RecordedRun(Protocol):
    """A run with recorded predictions on a probe: a ``Trajectory`` opened from an archive, or a ``Recording``."""

    @property
    def name(self) -> str:
        """Name of the run, such as that of its folder."""

    @property
    def steps(self) -> Tensor:
        """Optimizer steps of the records, shape (T,), int64, increasing."""

    @property
    def amplitudes(self) -> Any:
        """An array of shape (T, N, C) with ``.shape``, indexed by ``[records]`` and ``[records, samples]``.

        ``records`` is a slice or an array of int, ``samples`` a slice; the part is an array or a tensor. Only this part
        need be read from the disk.
        """

    @property
    def labels(self) -> Tensor | None:
        """Labels of the probe's samples, shape (N,), int64; None where there are none."""

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the probe's inputs: runs with the same one saw the same samples in the same order."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Hyperparameters and other metadata, as nested JSON."""


class Recording(NamedTuple):
    """A run in memory, made of the user's own arrays.

    Attributes:
        name: of the run.
        steps: shape (T,), int64, increasing.
        amplitudes: tensor or array, shape (T, N, C); ``amplitudes(logits)`` makes them.
        labels: shape (N,), int64, or None.
        fingerprint: of the probe; runs that all leave it empty are assumed to share one.
        metadata: nested mapping, by whose keys runs can be grouped.
    """

    name: str
    steps: Tensor
    amplitudes: Any
    labels: Tensor | None = None
    fingerprint: str = ""
    metadata: Mapping[str, Any] = MappingProxyType({})
