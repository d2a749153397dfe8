"""Inputs count in ``memory``: fewer samples where they are large, one copy on the host, and it is said."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset

from lightning_infogeo import InfoGeometryMonitor, Probe
from lightning_infogeo.probe import Inputs
from lightning_infogeo.probe.choosing import choose
from lightning_infogeo.probe.sampling import Amount
from lightning_infogeo.probe.structure import leaves, nbytes
from lightning_infogeo.probe.transfer import SMALL, place
from tests.helpers.classifiers import Classifier, fit, trainer

pytestmark = pytest.mark.usefixtures("lines_are_written")

SIDE = 128
EACH = SIDE * SIDE * 4


class Large(Dataset):
    """Images of 64 KiB; what they show is their index."""

    def __len__(self):
        return 600

    def __getitem__(self, index):
        return torch.full((1, SIDE, SIDE), index / 600), index % 10


class Stream(IterableDataset):
    def __iter__(self):
        return (Large()[index] for index in range(600))


class Sees(Classifier):
    def __init__(self):
        super().__init__(nn.Sequential(nn.AvgPool2d(SIDE), nn.Flatten(), nn.Linear(1, 10)))


def storages(*structures):
    """Bytes of all memory that tensors inside stand in, each piece once."""
    found = {}
    for structure in structures:
        for leaf in leaves(structure):
            if isinstance(leaf, torch.Tensor):
                found[leaf.untyped_storage().data_ptr()] = leaf.untyped_storage().nbytes()
    return sum(found.values())


@pytest.mark.parametrize("data", [Large(), Stream()], ids=["by index", "stream"])
@pytest.mark.parametrize("batch_size", [1, 2, 7, 32])
def test_a_probe_takes_as_many_samples_as_fit(data, batch_size):
    chosen = choose(DataLoader(data, batch_size=batch_size), Amount(512, 40 * EACH))
    assert len(chosen.probe) in (39, 40)
    assert nbytes(chosen.batches) <= 40 * (EACH + 8)
    first = torch.cat([batch[0] for batch in chosen.batches])[:, 0, 0, 0] * 600
    assert first.max() >= 570 if isinstance(data, Large) else first.max() <= 40  # evenly spread, or the first ones
    assert "no more since each takes 0.1 MiB" in chosen.taken


def test_at_least_one_sample_is_taken():
    assert len(choose(DataLoader(Large(), batch_size=4), Amount(512, 10)).probe) == 1
    assert len(choose(DataLoader(Large(), batch_size=4), Amount(512)).probe) == 512


def test_it_is_shared_by_all_probes_and_said(tmp_path, capsys):
    monitor = InfoGeometryMonitor(memory="4MB", embedding=False)
    loaders = {"train": DataLoader(Large(), 8), "val": DataLoader(Large(), 8)}
    fit(monitor, tmp_path, Sees, **loaders, max_steps=2)
    said = capsys.readouterr().err.splitlines()
    for name in ("train", "val"):
        assert len(monitor.followed[name]) == 2 * 4_000_000 // 2 // (EACH + 8)
        (line,) = (line for line in said if f"follows '{name}'" in line)
        assert "of 600 samples" in line
        assert "raise memory= for more" in line


class Halves(Sees):
    """A hook that makes other inputs."""

    def on_after_batch_transfer(self, batch, dataloader_idx):
        return batch[0] / 2, batch[1]


@pytest.mark.parametrize("model", [Sees, Halves])
def test_there_is_one_copy_of_them_on_the_host(model, tmp_path):
    chosen = choose(DataLoader(Large(), batch_size=8), Amount(512, 3 * SMALL))
    assert nbytes(chosen.batches) > 2 * SMALL
    inputs = place(chosen, trainer([], tmp_path), model(), resident=0)
    held = storages(inputs.batches, chosen.batches, chosen.probe.batches)
    assert held <= 1.05 * nbytes(inputs.batches)
    if model is Halves:  # no second time through the hooks
        again = place(chosen, trainer([], tmp_path), model(), resident=0)
        assert all(torch.equal(a, b) for a, b in zip(inputs.batches, again.batches, strict=True))


class Bytes(Dataset):
    """Images as they are stored, a quarter of what the model gets."""

    def __len__(self):
        return 600

    def __getitem__(self, index):
        return torch.full((1, SIDE, SIDE), index % 256, dtype=torch.uint8), index % 10


class Converts(Sees):
    def on_after_batch_transfer(self, batch, dataloader_idx):
        return batch[0].float() / 255, batch[1]


def test_what_hooks_make_larger_counts_as_it_is_then(tmp_path):
    monitor = InfoGeometryMonitor(memory="4MB", embedding=False)
    fit(monitor, tmp_path, Converts, train=DataLoader(Bytes(), 8), val=False, max_steps=2)
    assert len(monitor.followed["train"]) == 8_000_000 // (EACH * 8) * 8


class Described(Dataset):
    def __len__(self):
        return 600

    def __getitem__(self, index):
        return {"x": torch.full((1, SIDE, SIDE), index / 600), "y": index % 10, "file": "x" * 2**20}


def test_strings_count_too():
    chosen = choose(DataLoader(Described(), batch_size=4), Amount(512, 20 * 2**20))
    assert 12 <= len(chosen.probe) <= 20


def test_small_ones_stay_as_they_came_too(tmp_path):
    chosen = choose(DataLoader(Large(), batch_size=8), Amount(16))
    inputs = place(chosen, trainer([], tmp_path), Halves(), resident=0)
    assert torch.equal(torch.cat(inputs.batches) * 2, torch.cat(chosen.probe.batches))


def test_the_users_own_probe_is_never_changed(tmp_path):
    images = torch.stack([Large()[index][0] for index in range(300)])
    probe = Probe(images, torch.arange(300) % 10)
    assert nbytes(probe.batches) > SMALL
    monitor = InfoGeometryMonitor(probe, embedding=False)
    fit(monitor, tmp_path, Halves, train=DataLoader(Large(), 8), val=False, max_steps=2)
    assert torch.equal(probe.inputs, images)


def test_what_does_not_stay_on_the_device_is_brought_there_call_by_call():
    moved = []

    class Seen(torch.Tensor):
        def to(self, *args, **kwargs):
            moved.append(len(self))
            return super().to(*args, **kwargs)

    inputs = Inputs(
        [torch.zeros(5, 2).as_subclass(Seen), torch.ones(3, 2).as_subclass(Seen)], [5, 3], torch.device("cpu")
    )
    calls = inputs.calls(4)
    assert moved == []
    next(calls)
    assert moved == [4]
    list(calls)
    assert moved == [4, 1, 3]
