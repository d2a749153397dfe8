"""Forgetting events: samples that were right, and are wrong at the next record."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from torch import Tensor

from lightning_infogeo.samples.reading import of_every_sample
from lightning_infogeo.trajectory import Trajectory


class ForgettingEvents(NamedTuple):
    """How often each sample was forgotten.

    Attributes:
        events: number of records at which it is wrong and was right at the one before, shape (N,), int64.
        learnt: whether it was right at some record, shape (N,), bool. Toneva et al. count the others as forgotten
            infinitely often; those learnt and never forgotten they call unforgettable.
    """

    events: Tensor
    learnt: Tensor


def forgetting_events(trajectory: Trajectory) -> ForgettingEvents:
    """Returns how often each sample was right at a record and wrong at the next.

    Source: Toneva et al., ICLR 2019, arXiv 1812.05159. They look at each presentation of a sample; what happens
    between two records is not seen here, so counts of runs compare only where their schedules are the same.

    Args:
        trajectory: opened from an archive, of a probe with labels.

    Raises:
        RuntimeError: where the trajectory was not opened from an archive.
        ValueError: where the probe has no labels, or there is no record with finite logits.
    """
    columns = of_every_sample(
        trajectory,
        "forgetting_events",
        lambda answers: np.stack([answers.forgetting_events(), answers.right.any(0)], axis=1),
    )
    return ForgettingEvents(columns[:, 0], columns[:, 1].bool())
