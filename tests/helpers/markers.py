"""A marker that fires where a test says, and data on which a classifier overfits."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import Firing, Marker
from tests.helpers.classifiers import IMAGES, LABELS


class AtState(NamedTuple):
    firing: Firing
    total: Tensor


class At(Marker):
    """Fires at the records given."""

    observes = ("length",)
    watches = ("probe", "weights")

    def __init__(self, *steps, name="at"):
        self.steps, self.name = steps, name

    def start(self, like):
        return AtState(Firing.none(like), like.new_zeros(()))

    def extend(self, state, step, observation, trained):
        fires = torch.tensor(step in self.steps)
        total = state.total + observation[0]
        return AtState(state.firing.after(fires, torch.tensor(step - 1.0), step, total), total)

    def message(self, event):
        return f"{event.probe} at {event.step}"


def mislabelled(size=120):
    generator = torch.Generator().manual_seed(0)
    wrong = torch.rand(size, generator=generator) < 0.4
    labels = torch.where(wrong, torch.randint(0, 10, (size,), generator=generator), LABELS[:size])
    return DataLoader(TensorDataset(IMAGES[:size], labels), batch_size=30)
