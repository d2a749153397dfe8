"""Of every network: when its test loss turns up, and where its weights' length bends."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from lightning_infogeo.markers.knee import knee
from replications.knee_runs import STEPS, Plan, Training
from replications.side_by_side import ESTIMATORS, PARTS, Recorded, recorded

RISE = 0.03
"""By which the test loss must end above its minimum."""

Length = tuple[str, str, str]
"""Which length: estimator, part of the weights, and "raw" or "corrected" for its noise floor."""
KINDS = ("raw", "corrected")
LENGTHS: tuple[Length, ...] = tuple(itertools.product(ESTIMATORS, PARTS, KINDS))
HEADLINE: Length = ("gaussian", "network", "corrected")


class Found(NamedTuple):
    """One network.

    Attributes:
        data: name of the data set.
        size: number of images trained on.
        condition: clean, or what was done to labels or network.
        rate: of Adam.
        seed: of images, initial weights and order.
        onset: step at which the test loss is lowest; NaN where it does not end ``RISE`` above that.
        knees: step by length; NaN where there is none.
        reasons: why there is none, by length.
        followed: steps of the training.
        whole: the knee of ``HEADLINE`` among all steps of the training; NaN where there is none.
    """

    data: str
    size: int
    condition: str
    rate: float
    seed: int
    onset: float
    knees: dict[Length, float]
    reasons: dict[Length, str]
    followed: int
    whole: float

    @property
    def overfits(self) -> bool:
        """Whether the test loss turns up before the training ends."""
        return math.isfinite(self.onset)

    @property
    def knee(self) -> float:
        """Of all weights as a normal distribution."""
        return self.knees[HEADLINE]


def onset(steps: Tensor, loss: Tensor, rise: float = RISE) -> float:
    """Returns the step at which a loss, as the running median of three records, is lowest; NaN if it does not rise.

    Args:
        steps: of the records, shape (T,).
        loss: at these, shape (T,).
        rise: by which the mean of the last three records must exceed the minimum.
    """
    smooth = loss.unfold(0, 3, 1).median(-1).values
    at = int(smooth.argmin())
    rises = float(loss[-3:].mean()) > (1 + rise) * float(smooth[at])
    return float(steps[at + int(loss[at : at + 3].argmin())]) if rises else math.nan


def knees(one: Recorded, until: int, lengths: Sequence[Length] = LENGTHS) -> dict[Length, tuple[float, str]]:
    """Returns the knee of each length among the first steps, and why there is none."""
    found: dict[Length, tuple[float, str]] = {}
    for estimator, part, kind in lengths:
        weights = one.weights[estimator, part]
        early = weights.steps <= until
        length = weights.length if kind == "raw" else weights.corrected_length
        floor = (weights.floor * weights.interval)[early] if kind == "raw" else None
        bend = knee(weights.steps[early], length[early], floor=floor)
        found[estimator, part, kind] = bend.step, bend.reason or ""
    return found


def found_in(plan: Plan, training: Training) -> list[Found]:
    """Returns what was found of each network of a training."""
    networks, _ = recorded(plan.file(training))
    until = min(STEPS, training.steps)
    results = []
    for seed, rate in itertools.product(training.seeds, training.rates):
        one = networks[training.member(rate, seed)]
        bends = knees(one, until)
        results.append(
            Found(
                *(training.data, training.size, training.condition, rate, seed),
                onset=onset(one.val.steps, one.test_loss),
                knees={length: step for length, (step, _) in bends.items()},
                reasons={length: reason for length, (_, reason) in bends.items()},
                followed=training.steps,
                whole=knees(one, training.steps, [HEADLINE])[HEADLINE][0],
            )
        )
    return results
