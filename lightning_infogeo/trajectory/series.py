"""Series of records: of a probe, of all weights, or of a group of weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from torch import Tensor

Kind = Literal["probe", "weights", "weight_group"]
"""A series is of predictions on a probe, of the distribution of all weights, or of that of a group of weights."""

_WEIGHTS = "parameters/"
"""What the keys of the weights' series begin with, in loggers, archives and checkpoints; no probe's name has a "/"."""

_NETWORK = "network"


class Series(NamedTuple):
    """One series of records.

    Attributes:
        name: as in logged keys, ``{prefix}/{name}/{quantity}``.
        kind: of the series.
        quantities: names of the quantities, in order.
        trained: for a probe, whether the model is trained on its samples.
    """

    name: str
    kind: Kind
    quantities: tuple[str, ...]
    trained: bool = False

    def values(self, row: Tensor) -> dict[str, Tensor]:
        """Returns the quantities of a row by name, scalars; of the first ones where it is shorter. Reads nothing."""
        return dict(zip(self.quantities, row.unbind(), strict=False))


def of_weights(group: str, quantities: Sequence[str]) -> Series:
    """Returns the series of a group of weights, or of all of them, "network".

    Example:
        >>> of_weights("network", ["length"])[:2]
        ('parameters/network', 'weights')
    """
    return Series(f"{_WEIGHTS}{group}", "weights" if group == _NETWORK else "weight_group", tuple(quantities))


def kind_of(name: str) -> Kind:
    """Returns the kind of a series in an archive or a checkpoint, which hold no more of it than its name.

    Example:
        >>> kind_of("val"), kind_of("parameters/network"), kind_of("parameters/first")
        ('probe', 'weights', 'weight_group')
    """
    return of_weights(name.removeprefix(_WEIGHTS), ()).kind if name.startswith(_WEIGHTS) else "probe"


def group_of(name: str) -> str:
    """Returns the group of weights of which a series of this name is."""
    return name.removeprefix(_WEIGHTS)
