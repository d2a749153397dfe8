"""Markers of samples that need only some numbers of all samples: these are made on the device, and the rest waits."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from torch import Tensor

from lightning_infogeo.markers.marker import Marker, nearer


class CondensingMarker(Marker):
    """A marker of samples of which ``condensed`` alone runs on the device, and ``extend_condensed`` on the host.

    Attributes:
        condenses: whether it is run so. A class that has an ``extend`` of its own, or from a mixin, and does not say so
            again, is run beside the record as other markers of samples are.
    """

    scope = "samples"
    condenses: ClassVar[bool] = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if nearer(cls, "extend", "condenses"):
            cls.condenses = False

    @property
    def on_host(self) -> bool:
        """Whether its state is extended on the host."""
        return self.condenses

    @property
    @abstractmethod
    def condensed_width(self) -> int:
        """How many numbers ``condensed`` returns of a series."""

    @abstractmethod
    def condensed(self, fresh: Any, observation: Tensor) -> Tensor:
        """Returns what ``extend_condensed`` needs of the samples; on the device, where it reads nothing back.

        Args:
            fresh: what ``start`` returned there; no record has changed it.
            observation: every sample's distance to truth, shape (..., N), nats.

        Returns:
            Shape (..., condensed_width).
        """

    def extend(self, state: Any, step: int, observation: Tensor, trained: Tensor) -> Any:
        """Returns the state after a record of one series, shape (N,): what both parts of the work make of it."""
        condensed = self.condensed(self.start(observation), observation)
        return self.extend_condensed(state, step, condensed, observation.shape[-1], trained)

    @abstractmethod
    def extend_condensed(self, state: Any, step: int, condensed: Tensor, samples: int, trained: Tensor) -> Any:
        """Returns the state after a record, as ``extend`` does, given what ``condensed`` returned of N ``samples``."""


def condensing(marker: Marker) -> CondensingMarker | None:
    """Returns the marker, where it is one that condenses."""
    return marker if isinstance(marker, CondensingMarker) and marker.condenses else None
