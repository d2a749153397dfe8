"""What there is to be drawn of a trajectory."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from lightning_infogeo.embedding import Embedding


class Picture(NamedTuple):
    """A trajectory on the axes of its embedding.

    Attributes:
        steps: of the records embedded, in order, shape (m,).
        embedding: of these records.
        milestones: coordinates of ignorance and, with labels, of points on the way to truth, shape (1 or 11, k).
        dropped: coordinates of records no longer kept, by step.
    """

    steps: Tensor
    embedding: Embedding
    milestones: Tensor
    dropped: dict[int, list[float]]
