"""Series of records: of a probe, of all weights, or of a group of weights."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["probe", "weights", "weight_group"]
"""A series is of predictions on a probe, of the distribution of all weights, or of that of a group of weights."""


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
