"""Further samples: others than the probe's, by the same rules, within the memory that the probe leaves."""

import itertools
from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from lightning_infogeo import Probe
from lightning_infogeo.probe import Further, discover
from lightning_infogeo.probe.spacing import spaced, spaced_between
from lightning_infogeo.probe.structure import leaves, nbytes
from tests.helpers.classifiers import train_loader

EACH = 4 + 8


class Numbers(Dataset):
    """Sample k is k, with some noise of the global stream where it is augmented."""

    def __init__(self, size=200, noise=0.0):
        self.size, self.noise = size, noise

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if not 0 <= index < self.size:
            raise IndexError(index)
        return torch.tensor([index + self.noise * torch.rand(()).item()]), index % 10


class Stream(IterableDataset):
    def __iter__(self):
        return (Numbers()[index] for index in range(200))


class Pairs(Dataset):
    def __len__(self):
        return 200

    def __getitem__(self, index):
        return Numbers()[index[0]]


class EveryPair:
    def __iter__(self):
        return iter([(index, 0) for index in range(200)])

    def __len__(self):
        return 200


class OwnWay(DataLoader):
    """Never asks its sampler."""

    def __iter__(self):
        return iter([(torch.tensor([[1.0], [2.0]]), torch.tensor([1, 2]))] * 50)


LOADERS = {
    "in order": lambda: DataLoader(Numbers(), batch_size=16),
    "shuffled": lambda: DataLoader(Numbers(), batch_size=16, shuffle=True),
    "augmented": lambda: DataLoader(Numbers(noise=0.5), batch_size=16),
    "subset": lambda: DataLoader(Numbers(300), batch_size=16, sampler=SubsetRandomSampler(range(100, 300))),
    "weighted": lambda: DataLoader(Numbers(), batch_size=16, sampler=WeightedRandomSampler([1.0] * 200, 200)),
    "indices of another kind": lambda: DataLoader(Pairs(), batch_size=16, sampler=EveryPair()),
    "batch sampler": lambda: DataLoader(Numbers(), batch_sampler=Odd(RandomSampler(Numbers()), 5, False)),
    "overlapping batches": lambda: DataLoader(Numbers(), batch_sampler=Overlapping()),
    "one by one": lambda: DataLoader(Numbers(), batch_size=1),
    "stream": lambda: DataLoader(Stream(), batch_size=16),
    "batches": lambda: [(torch.arange(k, k + 8.0)[:, None], torch.zeros(8).long()) for k in range(0, 200, 8)],
}


class Odd(BatchSampler):
    """A batch sampler of a user."""


class Overlapping:
    """Batch k begins with the last of batch k − 1."""

    def __iter__(self):
        return iter([list(range(k, k + 6)) for k in range(0, 190, 5)])

    def __len__(self):
        return 38


def drawn(source, size=40, further=None, memory=None, name="val", **options):
    trainer = SimpleNamespace(train_dataloader=train_loader(), **options)
    return discover({name: source}, trainer, size, memory, further=further)[name]


def samples(chosen):
    return torch.cat([batch[0] for batch in chosen.batches]).flatten().floor().int().tolist()


@pytest.mark.parametrize("kind", LOADERS)
def test_they_are_others_than_the_probe_which_stays_as_it_is(kind):
    torch.manual_seed(0)
    with_them = drawn(LOADERS[kind](), further=Further(100))
    torch.manual_seed(0)
    without = drawn(LOADERS[kind]())
    assert without.further is None
    assert with_them.probe.fingerprint == without.probe.fingerprint
    assert with_them.taken == without.taken
    probe, further = samples(with_them), samples(with_them.further)
    assert not {*probe} & {*further}
    assert len({*further}) == len(further) == len(with_them.further.probe)
    fewer = {"overlapping batches": 20}
    assert len(further) >= fewer.get(kind, 60)
    assert len(further) <= 60
    assert with_them.further.asked == 60
    assert drawn(LOADERS[kind](), further=Further(0, asked={"val": 60})).further.probe.fingerprint == (
        with_them.further.probe.fingerprint
    )


def test_they_are_evenly_spread():
    further = samples(drawn(DataLoader(Numbers(), batch_size=16), further=Further(80)).further)
    assert len(further) == 40
    assert further == sorted(further)
    assert max(b - a for a, b in itertools.pairwise(further)) <= 6


@pytest.mark.parametrize("size", [1, 2, 7, 40, 99, 100, 101])
@pytest.mark.parametrize("taken", [0, 1, 3, 50, 99, 100])
def test_what_is_spaced_between_is_what_is_left(taken, size):
    left = spaced_between(range(100), taken, size)
    assert len(left) == min(size, 100 - taken)
    assert left == sorted({*left} - {*spaced(range(100), taken)})


@pytest.mark.parametrize(
    ("source", "further"),
    [
        (DataLoader(Numbers(), batch_size=16), Further(40)),  # no more than the probe has
        (DataLoader(Numbers(), batch_size=16), Further(3)),
        (DataLoader(Numbers(40), batch_size=16), Further(100)),  # no more than there are
        (DataLoader(Numbers(), batch_size=16), Further(4096, together=63, least=64)),
        (OwnWay(Numbers(), batch_size=2), Further(100)),
        (Probe(torch.zeros(50, 1)), Further(100)),
        ([(torch.zeros(8, 1), torch.zeros(8).long())] * 5, Further(100)),
    ],
)
def test_there_may_be_none(source, further):
    assert drawn(source, further=further).further is None


def test_a_probe_that_is_trained_on_and_a_fast_run_have_none():
    loader = DataLoader(Numbers(), batch_size=16)
    assert drawn(loader, further=Further(100), name="train").further is None
    assert drawn(loader, further=Further(100), fast_dev_run=True).further is None
    assert drawn(loader, further=Further(100), fast_dev_run=False).further is not None


def test_several_probes_share_what_is_together():
    trainer = SimpleNamespace(train_dataloader=train_loader())
    probes = {"train": Numbers(), "a": Numbers(), "b": Numbers(), "given": Probe(torch.zeros(9, 1))}
    chosen = discover(probes, trainer, 40, further=Further(4096, together=101))
    assert {name: one.further and len(one.further.probe) for name, one in chosen.items()} == {
        "train": None,
        "a": 50,
        "b": 50,
        "given": None,
    }


@pytest.mark.parametrize("kind", LOADERS)
@pytest.mark.parametrize("room", [0, 1, 30, 45, 70])
def test_they_take_the_memory_that_the_probe_leaves(kind, room):
    without = drawn(LOADERS[kind](), memory=room * EACH)
    chosen = drawn(LOADERS[kind](), memory=room * EACH, further=Further(100))
    assert chosen.probe.fingerprint == without.probe.fingerprint
    if chosen.further is not None:
        assert nbytes([chosen.batches, chosen.further.batches]) <= room * EACH
    if room == 70 and kind in ("in order", "shuffled", "stream"):
        assert len(chosen.further.probe) == 30
    if room <= 30:
        assert chosen.further is None


def test_their_buffer_is_no_larger_than_they_are():
    further = drawn(DataLoader(Numbers(100), batch_size=16), further=Further(10**9)).further
    held = {leaf.untyped_storage().data_ptr(): leaf.untyped_storage().nbytes() for leaf in leaves(further.batches)}
    assert sum(held.values()) <= 64 * EACH


def test_samples_that_cannot_be_read_are_none_with_a_warning():
    class Breaks(Numbers):
        def __getitem__(self, index):
            if index % 5:
                raise OSError("unreadable")
            return super().__getitem__(index)

    with pytest.warns(UserWarning, match=r"flag_size=.*beside 'val': unreadable"):
        chosen = drawn(DataLoader(Breaks(), batch_size=16), further=Further(100))
    assert len(chosen.probe) == 40
    assert chosen.further is None
