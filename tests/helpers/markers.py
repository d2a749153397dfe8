"""A marker that fires where a test says."""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.markers import Firing


class AtState(NamedTuple):
    firing: Firing
    total: Tensor


class At:
    """Fires at the records given."""

    observes: ClassVar = ("length",)

    def __init__(self, *steps, name="at"):
        self.steps, self.name = steps, name

    def start(self, like):
        return AtState(Firing.none(like), like.new_zeros(()))

    def extend(self, state, step, observation):
        fires = torch.tensor(step in self.steps)
        total = state.total + observation[0]
        return AtState(state.firing.after(fires, torch.tensor(step - 1.0), step, total), total)

    def message(self, event):
        return f"{event.probe} at {event.step}"
