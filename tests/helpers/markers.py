"""A marker that fires where a test says, and data on which a classifier overfits."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import Firing, Marker
from lightning_infogeo.markers import Verdict
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


class OfSamples(At):
    """Sees every sample: its event tells their mean distance, its verdict how many there are."""

    scope, held_out_only, watches = "samples", True, ("probe",)
    observes = ("distance_to_truth",)

    def __init__(self, *steps):
        super().__init__(*steps, name="of samples")
        self.seen = []

    def start(self, like):
        assert like.dim() == 1
        return AtState(Firing.none(like[0]), torch.zeros_like(like))

    def extend(self, state, step, observation, trained):
        self.seen.append(observation.clone())
        fires = torch.full((), step in self.steps, device=observation.device)
        at = torch.full_like(state.firing.times, step)
        total = state.total + observation
        return AtState(state.firing.after(fires, at, step, total.mean()), total)

    def verdict(self, flagged, samples, **reading):
        return Verdict("flagged" if flagged else "clean", 0.0, samples)


def mislabelled(size=120):
    generator = torch.Generator().manual_seed(0)
    wrong = torch.rand(size, generator=generator) < 0.4
    labels = torch.where(wrong, torch.randint(0, 10, (size,), generator=generator), LABELS[:size])
    return DataLoader(TensorDataset(IMAGES[:size], labels), batch_size=30)
