"""What is recorded over a training of one thing: a probe, the weights, or a group of them."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["probe", "weights", "weight_group"]
"""What a series is of: predictions on a probe, the distribution of all weights, or that of a group of them."""


class Series(NamedTuple):
    """One series of records.

    Attributes:
        name: as in logged keys, ``{prefix}/{name}/{quantity}``.
        kind: what it is of.
        quantities: their names, in order.
        trained: of a probe, whether the model is trained on its samples.
    """

    name: str
    kind: Kind
    quantities: tuple[str, ...]
    trained: bool = False
