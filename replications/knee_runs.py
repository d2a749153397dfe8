"""The trainings of the replication of arXiv 2406.05295: when do networks overfit, and when do their weights bend?"""

from __future__ import annotations

import itertools
import zlib
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from lightning_infogeo import Probe
from replications.data_sets import Images, load
from replications.kept import Origin
from replications.side_by_side import BATCH, Member, Prepared, hidden_layer, trained

DATA = ("mnist", "fashion-mnist", "cifar-10")
SIZES = (300, 1_000, 3_000, 10_000, 30_000)
RATES = (3e-4, 1e-3, 3e-3)
CONDITIONS = ("clean", "shuffled labels", "noisy labels", "dropout")
SEEDS = (0, 1, 2)
# The training images before these have been used here to choose settings; these never were.
FIRST = 10_000
STEPS = 3_000
"""Among which the knee is looked for; where few images overfit soon and shuffled ones at once, also the whole training.
Others are trained for twice as many."""
HELD_OUT = 2_000


class Training(NamedTuple):
    """Networks on images of a data set: learning rates × seeds, side by side.

    Attributes:
        data: name of the data set.
        size: number of images to train on; every seed has its own.
        condition: one of ``CONDITIONS``.
        rates: of Adam.
        seeds: of images, initial weights and order.
    """

    data: str
    size: int
    condition: str
    rates: tuple[float, ...] = RATES
    seeds: tuple[int, ...] = SEEDS

    @property
    def name(self) -> str:
        """Of the file."""
        rates = "" if self.rates == RATES else "_" + "_".join(f"{rate:.0e}" for rate in self.rates)
        return f"{self.subject}{rates}"

    @property
    def subject(self) -> str:
        """Of what is trained, whatever the rates are."""
        return f"{self.data}_{self.size}_{self.condition}".replace(" ", "-")

    @property
    def steps(self) -> int:
        """Of the optimizer."""
        if self.data == "digits":
            return STEPS // 6
        return STEPS if self.size <= 1_000 or self.condition == "shuffled labels" else 2 * STEPS

    def member(self, rate: float, seed: int) -> str:
        """Returns the name of a network."""
        return f"{rate:.0e}_{seed}"


def planned(fast: bool = False) -> list[Training]:
    """Returns all trainings, the ones that answer most of the question first."""
    if fast:
        return [Training("digits", size, c, (1e-3, 3e-3), (0, 1)) for c in CONDITIONS[:2] for size in (100, 400)]
    clean = [Training(data, size, CONDITIONS[0]) for size, data in itertools.product(SIZES, DATA)]
    # Controls answer at one rate; the others repeat them.
    middle, others = RATES[1:2], (RATES[0], RATES[2])
    parts = itertools.product((middle, others), CONDITIONS[1:], SIZES, DATA)
    return clean + [Training(data, size, condition, rates) for rates, condition, size, data in parts]


class Plan(NamedTuple):
    """How the networks are trained, and where what they record is kept.

    Attributes:
        folder: of the files.
        data: folder of the images.
        width: of the hidden layer.
    """

    folder: Path
    data: Path | None
    width: int = 128

    def file(self, training: Training) -> Path:
        """Returns where a training is kept once it is finished."""
        return self.folder / f"{training.name}.pt"

    def train(self, training: Training) -> Path:
        """Trains networks unless they were before; returns their file."""
        return trained(self.file(training), lambda: self._prepared(training), training.steps, self._origin(training))

    def done(self, training: Training) -> bool:
        """Returns whether a training is kept; raises an error where one of its name was made of something else."""
        return self._origin(training).kept(self.file(training))

    def _origin(self, training: Training) -> Origin:
        known = {**training._asdict(), "steps": training.steps, "width": self.width, "batch": BATCH}
        return Origin(known, training.data, self.data)

    def _prepared(self, training: Training) -> Prepared:
        images = load(training.data, self.data)
        seeds = {seed: zlib.crc32(f"{training.subject}_{seed}".encode()) for seed in training.seeds}
        parts = [samples(images, training.size, training.condition, seeds[seed]) for seed in training.seeds]
        x, y = (torch.stack(tensors, dim=1) for tensors in zip(*parts, strict=True))
        members = {}
        for (stream, seed), rate in itertools.product(enumerate(training.seeds), training.rates):
            torch.manual_seed(seeds[seed])
            network = hidden_layer(x.shape[-1], self.width, 0.5 if training.condition == "dropout" else 0.0)
            rates = {name: rate for name, _ in network.named_parameters()}
            members[training.member(rate, seed)] = Member(network, rates, stream)
        return Prepared(members, TensorDataset(x, y), held_out(images))


def samples(images: Images, size: int, condition: str, seed: int) -> tuple[Tensor, Tensor]:
    """Returns images (size, features) and labels (size,) to train on, drawn by the seed.

    Raises:
        ValueError: where there are fewer, or fewer than a batch are asked for.
    """
    generator = torch.Generator().manual_seed(seed)
    first = FIRST if len(images.train) > FIRST + size else 0
    if not BATCH <= size <= len(images.train) - first:
        raise ValueError(f"`samples(size={size})`: from {BATCH} to {len(images.train) - first} images can be drawn.")
    chosen = first + torch.randperm(len(images.train) - first, generator=generator)[:size]
    y = images.train_labels[chosen]
    if condition == "shuffled labels":
        y = y[torch.randperm(size, generator=generator)]
    if condition == "noisy labels":
        # One in five gets one of the other labels.
        by = torch.randint(1, 10, (size,), generator=generator)
        y = torch.where(torch.rand(size, generator=generator) < 0.2, (y + by) % 10, y)
    return flat(images.train[chosen]), y


def held_out(images: Images, count: int = HELD_OUT) -> Probe:
    """Returns test images, the same for all networks."""
    order = torch.randperm(len(images.test), generator=torch.Generator().manual_seed(0))[:count]
    return Probe(flat(images.test[order]), images.test_labels[order])


def flat(pixels: Tensor) -> Tensor:
    """Returns images with values 0..1, (N, features); those of three colours at half the resolution, 768 numbers.

    They are not standardised: the weights would bend among the first ten steps, which a knee is not looked for in.
    """
    x = pixels.float() / 255
    return (torch.nn.functional.avg_pool2d(x, 2) if x.shape[1] == 3 else x).flatten(1)
