"""The cartography of samples: how sure, and how steadily sure, a model was of each label."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from torch import Tensor

from lightning_infogeo.samples.reading import of_every_sample
from lightning_infogeo.trajectory import Trajectory


class Cartography(NamedTuple):
    """Where each sample lies on the map of Swayamdipta et al.

    Attributes:
        confidence: mean over records of p(label), in [0, 1], shape (N,), float64. Low: hard to learn, or mislabelled.
        variability: standard deviation of p(label) over records, that of the population, in [0, ½]. High: ambiguous.
        correctness: share of records at which the label is predicted, in [0, 1].
    """

    confidence: Tensor
    variability: Tensor
    correctness: Tensor


def cartography(trajectory: Trajectory) -> Cartography:
    """Returns the place of each sample on the map of confidence against variability.

    Source: Swayamdipta et al., EMNLP 2020, arXiv 2009.10795. They average over epochs, here over records.

    Args:
        trajectory: opened from an archive, of a probe with labels.

    Raises:
        RuntimeError: where the trajectory was not opened from an archive.
        ValueError: where the probe has no labels, or there is no record with finite logits.
    """
    columns = of_every_sample(
        trajectory,
        "cartography",
        lambda answers: np.stack([answers.confidence(), answers.variability(), answers.correctness()], axis=1),
    )
    return Cartography(*columns.unbind(1))
