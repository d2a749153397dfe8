"""A probe is made of what a loader gives, and the loader is left as it was."""

import random
import threading

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from lightning_infogeo import ConfigurationError, Probe
from lightning_infogeo.probe.choosing import choose as choosing
from lightning_infogeo.probe.sampling import Amount
from lightning_infogeo.probe.untouched import walk
from tests.helpers import hiding_places_in_code
from tests.helpers.classifiers import Augmented, random_streams

N = 100
DATA = TensorDataset(torch.arange(N).float().unsqueeze(1), torch.arange(N) % 4)


def choose(source, size, **options):
    return choosing(source, Amount(size), **options)


def indices(source, size=10, **options):
    return choose(source, size, **options).probe.inputs.flatten().int().tolist()


def test_samples_are_evenly_spaced_and_in_order_whatever_the_shuffling():
    expected = list(range(0, 100, 10))
    for shuffle in (False, True):
        assert indices(DataLoader(DATA, batch_size=7, shuffle=shuffle)) == expected
    assert indices(DATA) == expected
    assert indices(DataLoader(DATA, batch_size=7), size=1000) == list(range(N))


@pytest.mark.parametrize(
    "loader",
    [
        DataLoader(DATA, 8, sampler=SubsetRandomSampler(range(40, 60))),
        DataLoader(DATA, 8, sampler=WeightedRandomSampler((torch.arange(N) // 20 == 2).float(), 64)),
        DataLoader(Subset(DATA, range(40, 60)), 8, shuffle=True),
        DataLoader(DATA, batch_sampler=BatchSampler(SubsetRandomSampler(range(40, 60)), 8, drop_last=False)),
        DataLoader(ConcatDataset([Subset(DATA, range(40, 50)), Subset(DATA, range(50, 60))]), 8, shuffle=True),
    ],
    ids=["subset sampler", "weighted sampler", "subset", "batch sampler", "concat"],
)
def test_only_samples_that_training_draws_are_taken(loader):
    assert indices(loader) == list(range(40, 60, 2))


class ByClass(Sampler):
    """A sampler of the user's own, with its own generator and a counter."""

    def __init__(self):
        self.generator = torch.Generator().manual_seed(3)
        self.calls = 0

    def __iter__(self):
        self.calls += 1
        return iter((40 + torch.randperm(20, generator=self.generator)).tolist())

    def __len__(self):
        return 20


class InBatches(ByClass):
    def __iter__(self):
        members = list(super().__iter__())
        return iter([members[:10], members[10:]])


@pytest.mark.parametrize("arguments", [{"sampler": ByClass()}, {"batch_sampler": InBatches()}])
def test_an_unknown_sampler_is_read_without_disturbing_it(arguments):
    sampler = next(iter(arguments.values()))
    before = sampler.generator.get_state()
    found = indices(DataLoader(DATA, **arguments))
    if "sampler" in arguments:
        assert found == list(range(40, 60, 2))
    else:  # a batch as it makes them, whatever its generator has given before
        assert len(set(found)) == 10
        assert set(found) <= set(range(40, 60))
        assert found == indices(DataLoader(DATA, **arguments))
    assert torch.equal(sampler.generator.get_state(), before)
    assert sampler.calls == 0


def test_a_source_read_in_order_and_cut_short_gives_only_what_is_read():
    assert indices(DataLoader(DATA, batch_size=10), read=2) == list(range(0, 20, 2))
    assert indices(DataLoader(DATA, batch_size=10, shuffle=True), read=2) == list(range(0, 100, 10))


def test_the_loaders_own_collate_is_used():
    def collate(items):
        return {"x": torch.stack([-x for x, _ in items]), "target": torch.tensor([y for _, y in items])}

    assert indices(DataLoader(DATA, 8, collate_fn=collate), size=4) == [0, -25, -50, -75]


class Stream(IterableDataset):
    def __init__(self, length=N):
        self.length = length
        self.started = 0

    def __iter__(self):
        self.started += 1
        return iter([(torch.tensor([float(i)]), i % 4) for i in range(self.length)])


@pytest.mark.parametrize("batch_size", [8, None])
def test_iterable_data_gives_its_first_samples_from_a_fresh_iterator(batch_size):
    if batch_size is None:  # items are whole batches then

        class Batches(Stream):
            def __iter__(self):
                return iter([(torch.arange(4.0).unsqueeze(1) + 4 * i, torch.arange(4)) for i in range(25)])

        stream = Batches()
    else:
        stream = Stream()
    assert indices(DataLoader(stream, batch_size=batch_size)) == list(range(10))
    assert stream.started == 0


def test_no_more_is_read_than_a_source_says_it_has():
    class Breaks:
        def __len__(self):
            return 2

        def __iter__(self):
            yield from [(torch.arange(4.0).unsqueeze(1), torch.arange(4))] * 2
            raise ValueError("read on")

    assert len(choose(Breaks(), 100).probe) == 8


def test_plain_iterables_of_batches_are_taken_too():
    batches = [(torch.arange(8.0).unsqueeze(1) + 8 * i, torch.arange(8)) for i in range(3)]
    assert indices(batches) == list(range(10))
    assert len(choose(batches, 100).probe) == 24


def test_batches_of_a_map_style_set_without_automatic_batching():
    class Batches(Dataset):
        def __len__(self):
            return 10

        def __getitem__(self, index):
            return torch.arange(4.0).unsqueeze(1) + 4 * index, torch.arange(4)

    chosen = choose(DataLoader(Batches(), batch_size=None), 10)
    assert len(chosen.probe) == 10


class Once(IterableDataset):
    def __init__(self):
        self.left = iter([(torch.zeros(1), 0)] * 5)

    def __iter__(self):
        return self.left


class Hidden(IterableDataset):
    """A fresh generator each time, but over what can be read only once."""

    def __init__(self):
        self.stream = iter([(torch.zeros(1), 0)] * 5)

    def __iter__(self):
        yield from self.stream


class Itself(Once):
    def __iter__(self):
        return self

    def __next__(self):
        return next(self.left)


@pytest.mark.parametrize(
    "source",
    [
        Once(),
        Itself(),
        DataLoader(Itself(), batch_size=2),
        DataLoader(Hidden(), batch_size=2),
        ChainDataset([Hidden(), Hidden()]),
    ],
)
def test_a_source_that_can_be_read_only_once_names_the_probe(source):
    with pytest.raises(
        ConfigurationError, match=r"reads .* \(list_iterator\).*read only once.*Probe\(inputs, labels\)"
    ):
        choose(source, 3)


@pytest.mark.parametrize(
    "source",
    [
        TensorDataset(torch.empty(0, 1), torch.empty(0, dtype=torch.int64)),
        Stream(0),
        DataLoader(Stream(0), batch_size=4),
        DataLoader(Stream(0), batch_size=None),
        [],
    ],
)
def test_an_empty_source_is_named(source):
    with pytest.raises(ConfigurationError, match="is empty"):
        choose(source, 3)


@pytest.mark.parametrize("source", [3, "train", {"a": 1}])
def test_what_is_no_source_is_named(source):
    with pytest.raises(ConfigurationError, match=f"cannot take samples from `{type(source).__name__}`"):
        choose(source, 3)


def test_random_augmentation_is_frozen_alike_and_no_stream_moves():
    before = random_streams()
    first = choose(DataLoader(Augmented(), batch_size=8, shuffle=True), 20).probe
    assert random_streams() == before
    torch.rand(3), np.random.rand(), random.random()
    second = choose(DataLoader(Augmented(), batch_size=8, shuffle=True), 20).probe
    assert first.fingerprint == second.fingerprint


def test_indexing_the_data_by_hand_would_move_the_streams():
    """Negative control for the test above."""
    before = random_streams()
    Augmented()[0]
    assert random_streams() != before


@pytest.mark.parametrize(
    "generator",
    [torch.Generator().manual_seed(1), np.random.default_rng(1), np.random.RandomState(1), random.Random(1)],
)
def test_a_generator_that_the_data_set_owns_is_left_alone(generator):
    class Owner(Dataset):
        def __init__(self):
            self.generator = generator
            self.opened = None

        def __len__(self):
            return 8

        def __getitem__(self, index):
            self.opened = "a file"
            if isinstance(self.generator, torch.Generator):
                return torch.rand(1, generator=self.generator), 0
            return torch.tensor([self.generator.random()]), 0

    dataset = Owner()
    first = choose(Subset(dataset, range(8)), 8).probe
    assert choose(dataset, 8).probe.fingerprint == first.fingerprint
    assert dataset.opened is None


class Noisy(Dataset):
    def __init__(self):
        self.generator = np.random.default_rng(1)

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return torch.tensor([self.generator.random()]), 0


class OwnLoader:
    """Not a DataLoader: an iterable of batches with a generator of its own."""

    def __init__(self):
        self.generator = np.random.default_rng(1)

    def __iter__(self):
        return iter([(torch.tensor(self.generator.random((4, 1))), torch.zeros(4).long()) for _ in range(3)])


class Nested(BatchSampler):
    """A batch sampler that hides its sampler, and counts in a list."""

    def __init__(self):
        self.inner = RandomSampler(DATA, generator=torch.Generator().manual_seed(5))
        self.calls = [0]

    def __iter__(self):
        self.calls[0] += 1
        members = list(self.inner)
        return iter([members[:50], members[50:]])

    def __len__(self):
        return 2


@pytest.mark.parametrize(
    ("source", "state"),
    [
        (ConcatDataset([Noisy(), Noisy()]), lambda s: s.datasets[1].generator.bit_generator.state),
        (OwnLoader(), lambda s: s.generator.bit_generator.state),
        (DataLoader(DATA, batch_sampler=Nested()), lambda s: s.batch_sampler.calls[:]),
        (DataLoader(DATA, batch_sampler=Nested()), lambda s: s.batch_sampler.inner.generator.get_state().tolist()),
    ],
    ids=["concatenated", "own loader", "counter", "hidden sampler"],
)
def test_what_a_source_owns_is_left_alone(source, state):
    before = state(source)
    choose(source, 10)
    assert state(source) == before


def test_data_sets_that_read_many_at_once_are_asked_once():
    class Bulk(Dataset):
        def __len__(self):
            return 20

        def __getitems__(self, wanted):
            return [(torch.tensor([float(i)]), 0) for i in wanted]

    assert indices(DataLoader(Bulk(), batch_size=4), size=4) == [0, 5, 10, 15]


def test_a_probe_is_taken_whole():
    probe = Probe(torch.zeros(30, 2))
    assert choose(probe, 4).probe is probe


def test_samplers_of_a_known_kind_are_not_read():
    class Trap(RandomSampler):
        def __iter__(self):
            raise AssertionError

    assert indices(DataLoader(DATA, 8, sampler=Trap(DATA))) == list(range(0, 100, 10))
    assert indices(DataLoader(DATA, 8, sampler=SequentialSampler(DATA))) == list(range(0, 100, 10))


def test_a_thread_that_reading_leaves_running_is_named():
    ended = threading.Event()

    class Prefetching:
        def __iter__(self):
            threading.Thread(target=ended.wait, name="prefetch", daemon=True).start()
            yield from DataLoader(DATA, batch_size=8)

    with pytest.warns(UserWarning, match=r"a thread that it left running \(prefetch\).*probes=Probe"):
        choose(Prefetching(), 8)
    ended.set()


class Sample:
    """An object of which there are many."""

    def __init__(self, index):
        self.index = index


class Many(Noisy):
    def __init__(self, count):
        super().__init__()
        self.samples = [Sample(index) for index in range(count)]


def test_more_objects_than_are_looked_at_are_told_of_and_transforms_come_first(monkeypatch):
    monkeypatch.setattr(walk, "MAX_OBJECTS", 3000)
    data = Many(5000)
    before = data.generator.bit_generator.state
    with pytest.warns(UserWarning, match="more objects than are checked"):
        choose(DataLoader(data, batch_size=4), 4)
    assert data.generator.bit_generator.state == before
    choose(DataLoader(Many(1000), batch_size=4), 4)  # without a word


def test_a_module_that_is_imported_where_it_is_needed_is_put_back():
    class Imports(Dataset):
        def __len__(self):
            return 8

        def __getitem__(self, index):
            from tests.helpers import hiding_places_in_code

            return torch.tensor([hiding_places_in_code.RNG.random()]), 0

    before = hiding_places_in_code.RNG.bit_generator.state
    choose(DataLoader(Imports(), batch_size=4), 8)
    assert hiding_places_in_code.RNG.bit_generator.state == before
