"""What there is to be drawn of a trajectory, or of several of the same samples."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from lightning_infogeo.embedding.inpca import Embedding


class EmbeddedPath(NamedTuple):
    """One trajectory on the axes of its embedding, or several on common ones.

    Attributes:
        probes: the names of the probes, one a trajectory.
        member: which of these a record is of, shape (m,).
        steps: of the records embedded, in order, one trajectory after the other, shape (m,).
        embedding: of these records.
        milestones: coordinates of ignorance and, with labels, of points on the way to truth, shape (1 or 11, k).
        dropped: coordinates of records no longer kept, shape (d, k).
        references: names of finished runs and the coordinates of their records, whose axes these then are.
    """

    probes: tuple[str, ...]
    member: Tensor
    steps: Tensor
    embedding: Embedding
    milestones: Tensor
    dropped: Tensor
    references: tuple[tuple[str, Tensor], ...] = ()
