"""Data as other people's projects write it, with generators of their own in the places where those keep them."""

import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler


class Transform:
    """One of several that share the generators of what composes them."""

    def __init__(self, scale):
        self.scale = scale

    def set_random_state(self, generator, python):
        self.generator, self.python = generator, python

    def __call__(self, x):
        return x + self.scale * (self.generator.normal(size=x.shape) + self.python.random())


class Compose:
    """Seeded as a whole; every call spawns from its seed sequence too."""

    def __init__(self, transforms, seed):
        self.seeds = np.random.SeedSequence(seed)
        self.generator, self.python = np.random.default_rng(self.seeds.spawn(1)[0]), random.Random(seed)
        self.transforms = [*transforms[:-1], Transforms(transforms[-1:])]
        self.set_random_state(self.generator, self.python)

    def set_random_state(self, generator, python):
        for transform in self.transforms:
            transform.set_random_state(generator, python)

    def __call__(self, x):
        child = np.random.default_rng(self.seeds.spawn(1)[0])
        for transform in self.transforms:
            x = transform(x)
        return x * child.random()


class Transforms(Compose):
    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, x):
        for transform in self.transforms:
            x = transform(x)
        return x


class Randomizable:
    """A state of its own, changed by ``randomize`` before each use."""

    R = np.random.RandomState()

    def __init__(self):
        self.R = np.random.RandomState(5)
        self._factor = 1.0

    def randomize(self):
        self._factor = self.R.uniform(0.5, 1.5)

    def __call__(self, x):
        self.randomize()
        return x * self._factor


class UnseededRandomizable(Randomizable):
    """Uses the state of the class."""

    def __init__(self):
        self._factor = 1.0


class Collator:
    """Makes its generator when first called; counts in a slot of a slotted helper."""

    def __init__(self):
        self.generator = None

    def __call__(self, items):
        if self.generator is None:
            self.generator = torch.Generator().manual_seed(3)
        x = torch.tensor(np.stack([x for x, _ in items]))
        return x * (torch.rand(x.shape, generator=self.generator) > 0.2), torch.tensor([y for _, y in items])


class Images(Dataset):
    def __init__(self, transform):
        self.values = np.linspace(0, 1, 96).reshape(24, 4)
        self.transform = transform

    def __len__(self):
        return 24

    def __getitem__(self, index):
        return self.transform(self.values[index]), index % 3


class Stage:
    """A stage of a stream, called with the iterator of the one before."""

    def __init__(self, size):
        self.rng, self.size, self.epoch = random.Random(1), size, -1

    def __call__(self, source):
        self.epoch += 1
        buffer = []
        for sample in source:
            buffer.append(sample)
            if len(buffer) > self.size:
                yield buffer.pop(self.rng.randrange(len(buffer)))
        yield from buffer


class Stream(IterableDataset):
    def __init__(self):
        self.stages, self.cache, self.used = [Stage(5), Stage(3)], {}, []

    def __iter__(self):
        source = ((np.full(4, float(i)), i % 3) for i in range(24))
        for stage in self.stages:
            source = stage(source)
        for x, y in source:
            self.used.append(self.cache.setdefault(float(x[0]), len(self.cache)))
            yield x + len(self.used), y


class Curriculum(Sampler):
    """Starts further on in every epoch."""

    def __init__(self):
        self.state = {"epoch": 0, "generator": torch.Generator().manual_seed(2)}

    def __iter__(self):
        self.state["epoch"] += 1
        order = torch.randperm(24, generator=self.state["generator"])
        return iter(order.roll(self.state["epoch"]).tolist())

    def __len__(self):
        return 24


LOADERS = {
    "shared by nested transforms": lambda: DataLoader(
        Images(Compose([Transform(1.0), Transform(0.1), Transform(3.0)], 7)), batch_size=8
    ),
    "randomizable": lambda: DataLoader(Images(Randomizable()), batch_size=8),
    "randomizable of the class": lambda: DataLoader(Images(UnseededRandomizable()), batch_size=8),
    "collator": lambda: DataLoader(Images(np.copy), batch_size=8, collate_fn=Collator()),
    "stream": lambda: DataLoader(Stream(), batch_size=8),
    "sampler": lambda: DataLoader(Images(np.copy), batch_size=8, sampler=Curriculum()),
    "loader": lambda: DataLoader(
        Images(np.copy), batch_size=8, shuffle=True, generator=torch.Generator().manual_seed(1)
    ),
}  # fmt: skip
