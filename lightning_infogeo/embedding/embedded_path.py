"""The path of an embedded trajectory, or of several of the same samples, as it is drawn."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from lightning_infogeo.embedding.inpca import Embedding


class EmbeddedPath(NamedTuple):
    """One trajectory on the axes of its embedding, or several on common axes.

    Attributes:
        probes: names of the probes, one for each trajectory.
        member: index of the trajectory of each record, shape (m,).
        steps: of the records embedded, in order, one trajectory after the other, shape (m,).
        embedding: of these records.
        milestones: coordinates of ignorance and, with labels, of points on the way to truth, shape (1 or 11, k).
        dropped: coordinates of records that the history has dropped, shape (d, k).
        references: names and coordinates of finished runs, on whose axes the path then lies.
    """

    probes: tuple[str, ...]
    member: Tensor
    steps: Tensor
    embedding: Embedding
    milestones: Tensor
    dropped: Tensor
    references: tuple[tuple[str, Tensor], ...] = ()
