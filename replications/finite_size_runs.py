"""The trainings behind the finite-size scaling of the knee: widths and parametrisations on three data sets."""

from __future__ import annotations

import itertools
import zlib
from pathlib import Path
from typing import NamedTuple

import torch
from torch.utils.data import TensorDataset

from replications.data_sets import load
from replications.kept import Origin
from replications.knee_runs import DATA, held_out, samples
from replications.parametrisation import BASE, PARAMETRISATIONS, Parametrisation, member
from replications.side_by_side import BATCH, Member, Prepared, trained

WIDTHS = (32, 64, 128, 256, 512)
WIDEST = (1_024,)
"""In a training of its own, as it takes longer than all others together."""
SEEDS = (0, 1, 2)
RATE = 3e-4
IMAGES = 3_000
STEPS = 2_000


class Widths(NamedTuple):
    """Networks of several widths in both parametrisations, side by side on the same images.

    Attributes:
        data: name of the data set.
        seed: of images, initial weights and order.
        widths: of the hidden layers.
    """

    data: str
    seed: int
    widths: tuple[int, ...] = WIDTHS

    @property
    def name(self) -> str:
        """Of the file."""
        return self.subject + ("_widest" if self.widths == WIDEST else "")

    @property
    def subject(self) -> str:
        """Of what is trained on, whatever the widths are."""
        return f"{self.data}_{self.seed}"


def network_name(parametrisation: Parametrisation, width: int) -> str:
    """Returns the name of a network; at the base width both parametrisations are one."""
    return f"{PARAMETRISATIONS[0] if width == BASE else parametrisation}_{width}".replace(" ", "-")


def planned(fast: bool = False) -> list[Widths]:
    """Returns all trainings, a seed of every data set before the next, and the widest networks last."""
    if fast:
        return [Widths("digits", seed, (32, 128, 512)) for seed in (0, 1)]
    return [Widths(data, seed, widths) for widths, seed, data in itertools.product((WIDTHS, WIDEST), SEEDS, DATA)]


class Plan(NamedTuple):
    """How the networks are trained, and where what they record is kept.

    Attributes:
        folder: of the files.
        data: folder of the images.
        images: that are trained on.
        steps: of the optimizer.
        rate: of Adam, at the base width.
        watched: test images.
    """

    folder: Path
    data: Path | None
    images: int = IMAGES
    steps: int = STEPS
    rate: float = RATE
    watched: int = 200

    def file(self, training: Widths) -> Path:
        """Returns where a training is kept once it is finished."""
        return self.folder / f"{training.name}.pt"

    def train(self, training: Widths) -> Path:
        """Trains networks unless they were before; returns their file."""
        return trained(self.file(training), lambda: self._prepared(training), self.steps, self._origin(training))

    def done(self, training: Widths) -> bool:
        """Returns whether a training is kept; raises an error where one of its name was made of something else."""
        return self._origin(training).kept(self.file(training))

    def _origin(self, training: Widths) -> Origin:
        own = {key: value for key, value in self._asdict().items() if key not in ("folder", "data")}
        return Origin({**training._asdict(), **own, "batch": BATCH}, training.data, self.data)

    def _prepared(self, training: Widths) -> Prepared:
        images = load(training.data, self.data)
        seed = zlib.crc32(training.subject.encode())
        x, y = samples(images, self.images, "clean", seed)
        torch.manual_seed(seed)
        members: dict[str, Member] = {}
        for parametrisation, width in itertools.product(PARAMETRISATIONS, training.widths):
            name = network_name(parametrisation, width)
            members.setdefault(name, member(parametrisation, x.shape[1], width, self.rate))
        return Prepared(members, TensorDataset(x[:, None], y[:, None]), held_out(images, self.watched))
