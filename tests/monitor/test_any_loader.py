"""Loaders of every make, put together by chance: the probe is what the model is fed, and training does not notice."""

import dataclasses
import itertools
import random
import types
import warnings
from typing import Any, NamedTuple

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Sampler,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from lightning_infogeo import InfoGeometryMonitor
from tests.helpers.classifiers import Classifier, fit

N = 24
WIDTH = 64


class Recipe(NamedTuple):
    """What a loader is made of; see the strategies below for the values."""

    data: str
    sampling: str
    batch: str
    labels: str
    own_iter: bool
    wrapped: bool
    endless: bool
    noise: bool
    batch_size: int
    probe_size: int


RECIPES = st.builds(
    Recipe,
    data=st.sampled_from(["map", "subset", "concatenated", "iterable"]),
    sampling=st.sampled_from(["in order", "shuffled", "subset", "weighted", "own", "batches"]),
    batch=st.sampled_from(["tuple", "list", "mapping", "named", "dataclass", "object"]),
    labels=st.sampled_from(["data", "collate", "own iter", "before", "after", "split"]),
    own_iter=st.booleans(),
    wrapped=st.booleans(),
    endless=st.booleans(),
    noise=st.booleans(),
    batch_size=st.integers(2, 7),
    probe_size=st.sampled_from([5, 12, 100]),
)


def image(index):
    """The index in binary, and a number of its own: an input tells which sample it is."""
    bits = torch.tensor([float(index >> k & 1) for k in range(5)])
    return torch.cat([bits, torch.full((WIDTH - 5,), index / N)])


def label(index):
    return index * 7 % 10


class Noise:
    """A transform with a generator and a counter of its own, which training reads on."""

    def __init__(self):
        self.random, self.seen = np.random.default_rng(3), {"calls": 0}

    def __call__(self, x):
        self.seen["calls"] += 1
        return x + 1e-3 * self.random.random()


class Data(Dataset):
    def __init__(self, recipe):
        self.noise = Noise() if recipe.noise else None

    def __len__(self):
        return N

    def __getitem__(self, index):
        x = image(index)
        return x if self.noise is None else self.noise(x), label(index)


class Stream(IterableDataset):
    def __init__(self, recipe):
        self.data = Data(recipe)
        self.endless = recipe.endless

    def __iter__(self):
        rounds = itertools.count() if self.endless else range(1)
        return (self.data[index] for _ in rounds for index in range(N))


class Own(Sampler):
    """A sampler with state; endless where asked for."""

    def __init__(self, endless):
        self.rng, self.endless = random.Random(4), endless

    def __iter__(self):
        while True:
            yield from self.rng.sample(range(N), N)
            if not self.endless:
                return

    def __len__(self):
        return N


class OwnBatches(Own):
    def __init__(self, endless, size):
        super().__init__(endless)
        self.size = size

    def __iter__(self):
        indices = super().__iter__()
        while batch := list(itertools.islice(indices, self.size)):
            yield batch


class Named(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass
class Batch:
    x: Any
    y: Any


class Object(types.SimpleNamespace):
    def to(self, device):
        return Object(x=self.x.to(device), y=self.y.to(device))


FORMS = {
    "tuple": lambda x, y: (x, y),
    "list": lambda x, y: [x, y],
    "mapping": lambda x, y: {"x": x, "y": y},
    "named": Named,
    "dataclass": Batch,
    "object": lambda x, y: Object(x=x, y=y),
}


def opened(batch):
    """Inputs and labels of a batch of any form."""
    if isinstance(batch, dict):
        return batch["x"], batch["y"]
    return (batch.x, batch.y) if hasattr(batch, "y") else (batch[0], batch[1])


def moved_on(batch, form, by):
    """Labels go through 10, one place further."""
    x, y = opened(batch)
    return form(x, (y + by) % 10)


def loader_of(recipe):
    form = FORMS[recipe.batch]

    def collate(items):
        y = torch.tensor([y for _, y in items])
        return form(torch.stack([x for x, _ in items]), (y + (recipe.labels == "collate")) % 10)

    class Loader(DataLoader):
        if recipe.own_iter or recipe.labels == "own iter":

            def __iter__(self):
                for batch in super().__iter__():
                    yield moved_on(batch, form, recipe.labels == "own iter")

    if recipe.data == "iterable":
        made = Loader(Stream(recipe), recipe.batch_size, collate_fn=collate)
    else:
        data = Data(recipe)
        if recipe.data == "subset":
            data = Subset(data, range(N))
        if recipe.data == "concatenated":
            data = ConcatDataset([Subset(data, range(10)), Subset(data, range(10, N))])
        options = {
            "in order": {},
            "shuffled": {"shuffle": True},
            "subset": {"sampler": SubsetRandomSampler(range(N))},
            "weighted": {"sampler": WeightedRandomSampler(torch.ones(N), N, generator=torch.Generator())},
            "own": {"sampler": Own(recipe.endless)},
            "batches": {"batch_sampler": OwnBatches(recipe.endless, recipe.batch_size)},
        }[recipe.sampling]
        size = {} if recipe.sampling == "batches" else {"batch_size": recipe.batch_size}
        made = Loader(data, collate_fn=collate, **size, **options)
    return Wrapped(made) if recipe.wrapped else made


class Wrapped:
    def __init__(self, loader):
        self.loader = loader

    def __iter__(self):
        yield from self.loader


class Model(Classifier):
    """Notes what it is fed in training, and what it is evaluated on."""

    def __init__(self, recipe):
        super().__init__(optimizer=torch.optim.SGD)
        self.recipe, self.fed, self.shown = recipe, [], []

    def on_before_batch_transfer(self, batch, dataloader_idx):
        return moved_on(batch, FORMS[self.recipe.batch], self.recipe.labels == "before")

    def on_after_batch_transfer(self, batch, dataloader_idx):
        return moved_on(batch, FORMS[self.recipe.batch], self.recipe.labels == "after")

    def forward(self, x):
        x = x.x if hasattr(x, "x") else x  # a graph is its own input
        if not self.training:
            self.shown.append(x.clone())
        return self.net(x)

    def training_step(self, batch, batch_idx):
        x, y = opened(batch)
        self.fed.append((x.clone(), y.clone()))
        return cross_entropy(self.net(x), y)


def which(rows):
    return [int(sum(2**k * round(float(row[k])) for k in range(5))) for row in rows]


def trained(recipe, monitor, folder):
    split = {"split": lambda batch: (opened(batch)[0], (opened(batch)[1] + 1) % 10)} if recipe.labels == "split" else {}
    monitors = [InfoGeometryMonitor(probe_size=recipe.probe_size, schedule=3, strict=True, **split)] if monitor else []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = fit(
            monitors, folder, lambda: Model(recipe), train=loader_of(recipe), val=False, max_steps=9, max_epochs=3
        )
    return made.lightning_module, monitors


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(RECIPES)
def test_the_probe_is_what_training_reads_and_training_does_not_notice(recipe):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        plain, _ = trained(recipe, False, folder)
        model, (monitor,) = trained(recipe, True, folder)

    fed = list(zip(plain.fed, model.fed, strict=True))
    assert all(torch.equal(a, b) for one, other in fed for a, b in zip(one, other, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), model.parameters(), strict=True))

    shift = 0 if recipe.labels == "data" else 1
    probe = monitor.followed["train"]
    first = list(itertools.accumulate(map(len, model.shown))).index(len(probe)) + 1
    rows = torch.cat(model.shown[:first])
    known = which(rows)
    assert torch.allclose(rows, torch.stack([image(index) for index in known]), atol=2e-3)
    assert probe.labels.tolist() == [(label(index) + shift) % 10 for index in known]
    assert len(probe) >= min(recipe.probe_size, N) or recipe.sampling == "batches"
    if not (recipe.endless or recipe.sampling == "weighted"):
        assert len(set(known)) == len(known)
    training = {(k, int(y)) for x, y in model.fed for k, y in zip(which(x), y, strict=True)}
    if recipe.labels != "split":
        assert training <= {(k, (label(k) + shift) % 10) for k in range(N)}
