"""The knees of all widths, scaled: by data set, parametrisation and part of the weights."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lightning_infogeo.scaling.finite_size import Scaling, finite_size_scaling
from replications.data_sets import load
from replications.finite_size_runs import RATE, WIDEST, WIDTHS, Plan, Widths, network_name
from replications.knee_runs import flat
from replications.parametrisation import PARAMETRISATIONS, Parametrisation, logit_changes
from replications.side_by_side import Recorded, recorded

SMOOTHING = 0.8
FIRST_STEPS = 5


class Case(NamedTuple):
    """What is scaled.

    Attributes:
        data: name of the data set.
        parametrisation: of the networks.
        part: of the weights.
    """

    data: str
    parametrisation: Parametrisation
    part: str


class Family(NamedTuple):
    """Networks of all widths.

    Attributes:
        scaling: of their knees.
        finer: the same with half the smoothing.
        losses: lowest test loss by width, the median of seeds.
        runs: seeds a width.
    """

    scaling: Scaling
    finer: Scaling
    losses: tuple[float, ...]
    runs: int


def families(plan: Plan, trainings: Sequence[Widths], draws: int = 200) -> dict[Case, Family]:
    """Returns the scaling of each case, of all weights first.

    Args:
        plan: by which they were trained.
        trainings: finished ones; a width counts where every seed has it.
        draws: of the bootstrap.
    """
    found: dict[Case, Family] = {}
    networks = {one: recorded(plan.file(one))[0] for one in trainings}
    sets = dict.fromkeys(one.data for one in trainings)
    for part, data, parametrisation in itertools.product(("network", "second"), sets, PARAMETRISATIONS):
        of = {(one.seed, n): networks[one] for one in trainings if one.data == data for n in one.widths}
        seeds, every = ({key[k] for key in of} for k in (0, 1))
        widths = sorted(n for n in every if all((seed, n) in of for seed in seeds))
        runs = [[of[seed, n][network_name(parametrisation, n)] for seed in sorted(seeds)] for n in widths]
        curves = [[_length(one, part) for one in some] for some in runs]
        scalings = [finite_size_scaling(curves, widths, smoothing=s, draws=draws) for s in (SMOOTHING, SMOOTHING / 2)]
        losses = tuple(float(np.median([float(one.test_loss.min()) for one in some])) for some in runs)
        found[Case(data, parametrisation, part)] = Family(scalings[0], scalings[1], losses, len(seeds))
    return found


def coordinates(data: str, folder: Path | None, widths: Sequence[int] = (*WIDTHS, *WIDEST)) -> dict[str, float]:
    """Returns how the first changes of the logits grow with the width, as an exponent, by parametrisation.

    Of five initialisations the mean, as narrow networks scatter.

    Args:
        data: name of the data set, of which 256 images are taken.
        folder: of the data sets.
        widths: of the networks.
    """
    images = load(data, folder)
    x, y = flat(images.train[-256:]), images.train_labels[-256:]
    slopes = {}
    for parametrisation in PARAMETRISATIONS:
        torch.manual_seed(0)
        changes = [logit_changes(parametrisation, widths, x, y, RATE, FIRST_STEPS) for _ in range(5)]
        logs = torch.stack(changes).log().mean(0).numpy()
        slopes[str(parametrisation)] = float(np.polyfit(np.log(widths), logs, 1)[0])
    return slopes


def _length(one: Recorded, part: str) -> tuple[Tensor, Tensor]:
    weights = one.weights["gaussian", part]
    return weights.steps, weights.corrected_length
