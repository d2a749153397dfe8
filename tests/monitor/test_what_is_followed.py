"""A probe is what training feeds the model: whole trainings with every kind of batch, compared with what they read."""

import logging
from functools import partial
from types import SimpleNamespace

import lightning.pytorch as pl
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler, TensorDataset

from lightning_infogeo import ArchiveSettings, ConfigurationError, InfoGeometryMonitor
from lightning_infogeo.archive import Archive, ArchiveError
from tests.helpers.classifiers import IMAGES, LABELS, Classifier, fit, train_loader, val_loader

pytestmark = pytest.mark.usefixtures("lines_are_written")

N = 48


class Judged(Classifier):
    """Knows how to read a batch, and half of the mean loss over the loader's own batches, as training has them."""

    def read(self, batch):
        return batch[0], batch[1]

    def training_step(self, batch, batch_idx):
        inputs, labels = self.read(batch)
        return cross_entropy(self(inputs), labels)

    def half_loss(self, loader):
        with torch.no_grad():
            self.eval()
            read = [self.read(self.on_after_batch_transfer(batch, 0)) for batch in loader]
            total = sum(cross_entropy(self(x), y, reduction="sum").item() for x, y in read)
        return total / sum(len(y) for _, y in read) / 2


def agrees(model, loader, tmp_path, **options):
    """Trains and compares the curve with the loss over the same batches; returns the monitor."""
    monitor = InfoGeometryMonitor(schedule=2, strict=True, **options)
    made = fit(monitor, tmp_path, model, train=loader, val=False, max_steps=5, max_epochs=2)
    shown = monitor.trajectories["train"].distance_to_truth[-1].item()
    assert shown == pytest.approx(made.lightning_module.half_loss(loader), rel=1e-5)
    assert len(monitor.followed["train"]) == N
    return monitor


class Rows(Dataset):
    """Digits; ``change`` makes an item of index, image and label."""

    def __init__(self, change):
        self.change = change

    def __len__(self):
        return N

    def __getitem__(self, index):
        return self.change(index, IMAGES[index], LABELS[index])


def repeated(index, image, label):
    return image.repeat(index // 9 + 1, 1), label


def unzipped(items):
    return [x for x, _ in items], torch.stack([y for _, y in items])


class OfSets(Judged):
    def forward(self, sets):
        return self.net(torch.stack([rows.mean(0) for rows in sets]))


class OfPacked(Judged):
    def forward(self, packed):
        padded, lengths = pad_packed_sequence(packed, batch_first=True)
        return self.net(padded.sum(1) / lengths[:, None])


class OfPadded(Judged):
    def forward(self, padded):
        return self.net(padded.mean(1))  # sees the padding


class OfGraphs(Judged):
    def read(self, batch):
        return batch, batch.y

    def forward(self, graph):
        sums = torch.zeros(len(graph.y), 64).index_add_(0, graph.owner, graph.nodes)
        return self.net(sums / torch.bincount(graph.owner)[:, None])


class Graph(SimpleNamespace):
    """Several graphs as one, as libraries of graph networks make them: an object with a method ``to``."""

    def to(self, device, *args, **kwargs):
        return Graph(**{name: value.to(device) for name, value in vars(self).items()})


def as_graph(items):
    sets, labels = unzipped(items)
    owner = torch.cat([torch.full((len(rows),), k) for k, rows in enumerate(sets)])
    return Graph(nodes=torch.cat(sets), owner=owner, y=labels)


def packed(items):
    sets, labels = unzipped(items)
    return pack_sequence(sets, enforce_sorted=False), labels


def padded(items):
    sets, labels = unzipped(items)
    return torch.nn.utils.rnn.pad_sequence(sets, batch_first=True), labels


@pytest.mark.parametrize(
    ("model", "collate"),
    [(OfSets, unzipped), (OfPacked, packed), (OfPadded, padded), (OfGraphs, as_graph)],
    ids=["sets", "packed", "padded", "graphs"],
)
def test_batches_that_cannot_be_cut_stay_as_they_come(model, collate, tmp_path):
    agrees(model, DataLoader(Rows(repeated), batch_size=7, collate_fn=collate), tmp_path)


def test_padding_of_all_samples_at_once_would_be_something_else():
    """Negative control: the loss of the padded model over one batch of everything differs."""
    model, loader = OfPadded(), DataLoader(Rows(repeated), batch_size=7, collate_fn=padded)
    whole = DataLoader(Rows(repeated), batch_size=N, collate_fn=padded)
    assert abs(model.half_loss(whole) / model.half_loss(loader) - 1) > 1e-3


class Masked(Judged):
    def read(self, batch):
        return (batch[0], batch[1]), batch[2]

    def forward(self, x, mask=None):
        if mask is None:
            x, mask = x
        return self.net(x * mask)


class Needs(Masked):
    def forward(self, x, mask):
        return self.net(x * mask)

    def training_step(self, batch, batch_idx):
        return cross_entropy(self(batch[0], batch[1]), batch[2])

    def half_loss(self, loader):
        with torch.no_grad():
            losses = [cross_entropy(self(x, mask), y, reduction="sum").item() for x, mask, y in loader]
        return sum(losses) / N / 2


class Keywords(Judged):
    def read(self, batch):
        return {key: value for key, value in batch.items() if key != "labels"}, batch["labels"]

    def forward(self, input_ids=None, attention_mask=None):
        if isinstance(input_ids, dict):
            input_ids, attention_mask = input_ids["input_ids"], input_ids["attention_mask"]
        return self.net(input_ids * attention_mask)


class OnlyKeywords(Keywords):
    """As models of Hugging Face are wrapped: nothing has a place of its own."""

    def forward(self, **inputs):
        return self.net(inputs["input_ids"])

    def training_step(self, batch, batch_idx):
        return cross_entropy(self(input_ids=batch["input_ids"]), batch["labels"])

    def half_loss(self, loader):
        with torch.no_grad():
            losses = [
                cross_entropy(self(input_ids=b["input_ids"]), b["labels"], reduction="sum").item() for b in loader
            ]
        return sum(losses) / N / 2


class Shot(Judged):
    def read(self, batch):
        return batch["scan"], batch["truth"]


MASKED = DataLoader(TensorDataset(IMAGES[:N], (IMAGES[:N] > 0.2).float(), LABELS[:N]), batch_size=10)


@pytest.mark.parametrize(
    ("model", "loader", "split"),
    [
        (Needs, MASKED, lambda batch: ((batch[0], batch[1]), batch[2])),
        (Masked, MASKED, lambda batch: ([batch[0], batch[1]], batch[2])),
        (
            Keywords,
            DataLoader(Rows(lambda i, x, y: {"input_ids": x, "attention_mask": torch.ones(64), "labels": y}), 10),
            None,
        ),
        (OnlyKeywords, DataLoader(Rows(lambda i, x, y: {"input_ids": x, "labels": y}), 10), None),
        (
            Shot,
            DataLoader(Rows(lambda i, x, y: {"scan": x, "truth": y, "file": f"{i}.png"}), 10),
            lambda batch: (batch["scan"], batch["truth"]),
        ),
    ],
    ids=["(x, mask, y)", "two as one argument", "by keyword", "by keyword alone", "other names"],
)
def test_inputs_and_labels_by_any_name(model, loader, split, tmp_path):
    agrees(model, loader, tmp_path, split=split)


@pytest.mark.parametrize("several", [lambda a, b: {"a": a, "b": b}, lambda a, b: [a, b]], ids=["by name", "listed"])
def test_several_training_loaders_are_followed_by_what_is_made_of_them(several, tmp_path):
    class Both(Classifier):
        def training_step(self, batch, batch_idx):
            parts = list(batch.values()) if isinstance(batch, dict) else batch
            return sum(super(Both, self).training_step(part, batch_idx) for part in parts)

    def split(batch):
        if isinstance(batch, dict):
            batch = [batch["a"], batch["b"]]
        if isinstance(batch[0], torch.Tensor):  # of validation
            return batch
        return torch.cat([x for x, _ in batch]), torch.cat([y for _, y in batch])

    def loaders():
        return several(train_loader(32, shuffle=True), DataLoader(TensorDataset(IMAGES[500:516], LABELS[500:516]), 8))

    plain = fit([], tmp_path, Both, train=loaders(), max_steps=4).lightning_module
    monitor = InfoGeometryMonitor(split=split, strict=True)
    model = fit(monitor, tmp_path, Both, train=loaders(), max_steps=4).lightning_module
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), model.parameters(), strict=True))
    probe = monitor.followed["train"]
    assert len(probe) == 2 * (16 + 8)
    assert torch.equal(probe.inputs[16:24], IMAGES[500:508])
    assert monitor.trajectories["val"].length[-1] > 0


def test_without_a_function_the_message_names_it(tmp_path):
    with pytest.raises(ConfigurationError, match=r"split=lambda batch: \(inputs, labels\)"):
        fit(InfoGeometryMonitor(), tmp_path, Needs, train=MASKED, val=False)
    with pytest.raises(ConfigurationError, match=r"`InfoGeometryMonitor\(split=3\)`"):
        InfoGeometryMonitor(split=3)


class Own(DataLoader):
    def __iter__(self):
        for x, y in super().__iter__():
            yield x * 2 - 1, y


class Joined(DataLoader):
    """A DataLoader of which the data set is a loader, read by its own ``__iter__``."""

    def __init__(self, loader):
        super().__init__(loader)

    def __iter__(self):
        return iter(self.dataset)


class Wrapper:
    """Not a DataLoader: it prepares batches of one."""

    def __init__(self, loader):
        self.loader = loader

    def __iter__(self):
        return ((x / 2, y) for x, y in self.loader)

    def __len__(self):
        return len(self.loader)


class Batches(IterableDataset):
    def __iter__(self):
        return iter(train_loader(N))


class Listed(Dataset):
    def __init__(self):
        self.batches = list(train_loader(N))

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


class ByLabel:
    """A batch sampler: every batch is of one class."""

    def __iter__(self):
        yield from ([index for index in range(N) if LABELS[index] == label] for label in range(10))

    def __len__(self):
        return 10


DATA = TensorDataset(IMAGES[:N], LABELS[:N])
LOADERS = {
    "its own __iter__": lambda: Own(DATA, batch_size=9),
    "a loader of a loader": lambda: Joined(Wrapper(train_loader(N))),
    "a wrapper": lambda: Wrapper(train_loader(N)),
    "an iterable of batches": Batches,
    "a data set of batches": Listed,
    "data sets of batches, unbatched": lambda: DataLoader(Listed(), batch_size=None),
    "a batch sampler": lambda: DataLoader(DATA, batch_sampler=ByLabel()),
    "workers": lambda: DataLoader(DATA, batch_size=8, num_workers=1, timeout=30, persistent_workers=True),
}


@pytest.mark.parametrize("name", LOADERS)
def test_samples_come_out_of_the_loader_itself(name, tmp_path):
    loader = LOADERS[name]()
    agrees(Judged, loader, tmp_path)


def test_a_list_of_one_loader_is_that_loader(tmp_path):
    class OfOne(Classifier):
        def training_step(self, batch, batch_idx):
            return super().training_step(batch[0], batch_idx)

    monitor = InfoGeometryMonitor()
    fit(monitor, tmp_path, OfOne, train=[train_loader(N)], max_steps=2)
    assert torch.equal(monitor.followed["train"].inputs, IMAGES[:N])


class Hooked(Judged):
    def __init__(self, change):
        super().__init__()
        self.change = change

    def on_after_batch_transfer(self, batch, dataloader_idx):
        return self.change(*batch)


@pytest.mark.parametrize(
    "change",
    [
        lambda x, y: (x, (y + 3) % 10),
        lambda x, y: (x, y // 2),
        lambda x, y: (torch.cat([x, x.flip(1)])[: len(x)], y),
        lambda x, y: {"x": x / 2, "label": 9 - y},
    ],
    ids=["renumbered", "coarser", "inputs", "another structure"],
)
def test_inputs_and_labels_are_those_after_the_hooks(change, tmp_path):
    class Reads(Hooked):
        def read(self, batch):
            return (batch["x"], batch["label"]) if isinstance(batch, dict) else batch

    agrees(lambda: Reads(change), train_loader(N), tmp_path)


class InPlace(Judged):
    def forward(self, x):
        return self.net(x.sub_(0.3).mul_(2))

    def training_step(self, batch, batch_idx):
        return cross_entropy(self(batch[0].clone()), batch[1])

    def half_loss(self, loader):
        with torch.no_grad():
            losses = [cross_entropy(self(x.clone()), y, reduction="sum").item() for x, y in loader]
        return sum(losses) / N / 2


class Pops(Keywords):
    def forward(self, inputs):
        return self.net(inputs.pop("input_ids") * inputs.pop("attention_mask"))


class OverwritesGraphs(OfGraphs):
    """Puts what its layers make into the graph, as graph networks do, and writes into one of its tensors."""

    def forward(self, graph):
        graph.nodes = graph.nodes.mul_(0.5) + 1
        return super().forward(graph)


def test_a_graph_that_a_forward_writes_into_is_the_same_every_time(tmp_path):
    loader = DataLoader(Rows(repeated), batch_size=7, collate_fn=as_graph)
    agrees(OverwritesGraphs, loader, tmp_path)
    still = InfoGeometryMonitor(schedule=1, strict=True)
    model = partial(OverwritesGraphs, lr=0.0, optimizer=torch.optim.SGD)
    fit(still, tmp_path, model, train=loader, val=False, max_steps=3)
    assert still.trajectories["train"].displacement.abs().max() == 0


class OfSparse(Judged):
    def forward(self, x):
        return self.net(x.to_dense())


def sparse(items, kind):
    x, y = torch.stack([x for x, _ in items]), torch.stack([y for _, y in items])
    return (x.to_sparse() if kind == "coo" else x.to_sparse_csr()), y


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
@pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly disabled")
@pytest.mark.parametrize("kind", ["coo", "csr"])
def test_sparse_batches_stay_as_they_come(kind, tmp_path):
    agrees(OfSparse, DataLoader(DATA, batch_size=7, collate_fn=partial(sparse, kind=kind)), tmp_path)


@pytest.mark.parametrize("model", [InPlace, Pops])
def test_a_forward_that_takes_its_inputs_apart_gets_the_same_every_time(model, tmp_path):
    if model is Pops:
        items = Rows(lambda i, x, y: {"input_ids": x, "attention_mask": torch.ones(64), "labels": y})
        agrees(model, DataLoader(items, 10), tmp_path)
        return
    agrees(model, train_loader(N), tmp_path)
    still = InfoGeometryMonitor(schedule=1)
    fit(still, tmp_path, lambda: InPlace(lr=0.0, optimizer=torch.optim.SGD), val=False, max_steps=3)
    assert still.trajectories["train"].displacement.abs().max() == 0


class Drawing(Judged):
    """Draws from a generator of its own, also in evaluation."""

    def __init__(self):
        super().__init__()
        self.generator = torch.Generator().manual_seed(3)

    def forward(self, x):
        return self.net(x + 0.1 * torch.rand(1, generator=self.generator))


DRAWS = torch.Generator()


class HookDraws(Judged):
    def on_after_batch_transfer(self, batch, dataloader_idx):
        return batch[0] + torch.rand(1, generator=DRAWS), batch[1]


class LateData(pl.LightningDataModule):
    """Whoever asks for the validation set moves the generator that training reads."""

    def __init__(self):
        super().__init__()
        self.generator = torch.Generator().manual_seed(5)

    def train_dataloader(self):
        return DataLoader(DATA, batch_size=8, shuffle=True, generator=self.generator)

    def val_dataloader(self):
        torch.rand(1, generator=self.generator)
        return val_loader()


@pytest.mark.parametrize("case", ["model", "hook", "data module"])
def test_generators_of_models_hooks_and_data_modules_stay_where_they_are(case, tmp_path):
    trained = []
    for monitors in ([], [InfoGeometryMonitor(schedule=2)]):
        DRAWS.manual_seed(1)
        model = {"model": Drawing, "hook": HookDraws, "data module": Judged}[case]
        data = {"datamodule": LateData()} if case == "data module" else {"train": train_loader(N), "val": False}
        made = fit(monitors, tmp_path, model, max_steps=20, max_epochs=4, check_val_every_n_epoch=2, **data)
        trained.append(list(made.lightning_module.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(*trained, strict=True))


class InWorkers(Dataset):
    """Reads only where a worker has been set up for it."""

    def __init__(self):
        self.handle = None

    def __len__(self):
        return N

    def __getitem__(self, index):
        return self.handle[index]


def open_handle(worker):
    torch.utils.data.get_worker_info().dataset.handle = DATA


def test_data_that_only_workers_can_read_are_refused_and_it_is_said_why(tmp_path):
    loader = DataLoader(InWorkers(), batch_size=8, num_workers=1, worker_init_fn=open_handle)
    with pytest.raises(ConfigurationError, match=r"without workers and their worker_init_fn.*Probe\(inputs, labels\)"):
        fit(InfoGeometryMonitor(), tmp_path, train=loader, val=False, max_steps=2)


class Few(RandomSampler):
    def __iter__(self):
        return iter(range(30, 46))

    def __len__(self):
        return 16


def test_a_sampler_that_draws_otherwise_than_its_kind_is_read(tmp_path):
    monitor = InfoGeometryMonitor()
    fit(monitor, tmp_path, train=DataLoader(DATA, 8, sampler=Few(DATA)), val=False, max_steps=2)
    assert torch.equal(monitor.followed["train"].inputs, IMAGES[30:46])


def soft(items):
    x, y = torch.stack([x for x, _ in items]), nn.functional.one_hot(torch.stack([y for _, y in items]), 10).float()
    return 0.6 * x + 0.4 * x.flip(0), 0.6 * y + 0.4 * y.flip(0)


def hot(items):
    return torch.stack([x for x, _ in items]), nn.functional.one_hot(torch.stack([y for _, y in items]), 10)


class OfProbabilities(Classifier):
    def training_step(self, batch, batch_idx):
        return cross_entropy(self(batch[0]), batch[1].float())


def test_soft_labels_are_followed_without_labels_beside_a_whole_validation(tmp_path, capsys):
    monitor = InfoGeometryMonitor()
    fit(monitor, tmp_path, OfProbabilities, train=DataLoader(DATA, 16, collate_fn=soft), max_steps=4)
    assert "distance_to_truth" not in monitor.trajectories["train"].quantities
    assert monitor.trajectories["val"].distance_to_truth[-1] > 0
    assert any("'train'" in line and "soft labels" in line for line in capsys.readouterr().err.splitlines())


def test_one_hot_labels_are_classes(tmp_path):
    one_hot, plain = InfoGeometryMonitor(), InfoGeometryMonitor()
    fit(one_hot, tmp_path, OfProbabilities, train=DataLoader(DATA, 16, collate_fn=hot), max_steps=1)
    fit(plain, tmp_path, train=DataLoader(DATA, 16), max_steps=1)
    first = [monitor.trajectories["train"].distance_to_truth[0] for monitor in (one_hot, plain)]
    torch.testing.assert_close(*first)


def test_inputs_that_cannot_be_stored_as_one_are_not_archived_as_something_else(tmp_path):
    loader = DataLoader(Rows(repeated), batch_size=7, collate_fn=padded)
    path = tmp_path / "run.zarr"
    fit(InfoGeometryMonitor(archive=path), tmp_path, OfPadded, train=loader, val=False, max_steps=2)
    with pytest.raises(ArchiveError, match="inputs"):
        Archive(path)["train"].inputs()
    wanted = InfoGeometryMonitor(archive=ArchiveSettings(tmp_path / "other.zarr", store_inputs=True))
    with pytest.raises(ConfigurationError, match="batches of varying shape"):
        fit(wanted, tmp_path, OfPadded, train=loader, val=False, max_steps=2)


@pytest.mark.parametrize("broken", ["train", "val"])
def test_where_one_of_two_cannot_be_understood_the_other_is_followed(broken, tmp_path):
    class Reads(Classifier):
        def training_step(self, batch, batch_idx):
            return super().training_step((batch[0], LABELS[: len(batch[0])]), batch_idx)

        def validation_step(self, batch, batch_idx):
            pass

    loaders = {"train": train_loader(N), "val": val_loader()}
    loaders[broken] = DataLoader(TensorDataset(IMAGES[:N]), batch_size=16)
    monitor = InfoGeometryMonitor()
    with pytest.warns(UserWarning, match=rf"does not follow '{broken}': .*split=lambda batch"):
        fit(monitor, tmp_path, Reads, **loaders, max_steps=3)
    (left,) = monitor.trajectories
    assert left == ({"train", "val"} - {broken}).pop()


def test_one_line_a_probe_says_what_is_followed(tmp_path, capsys):
    class Features(Classifier):
        def forward(self, x):
            return self.net[0](x)

        def training_step(self, batch, batch_idx):
            return cross_entropy(self.net[1:](self(batch[0])), batch[1])

    data = TensorDataset(IMAGES[:96], LABELS[:96])
    fit(InfoGeometryMonitor(probe_size=32), tmp_path, Features, train=DataLoader(data, 16), max_steps=2)
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "[infogeo] follows 'train'" in line)
    assert "32 of 96 samples, evenly spread" in line
    assert "labels 0..9 (second of 2 elements)" in line
    assert "(n, 16), categorical, 16 classes" in line


def test_no_line_is_written_where_lightning_is_quiet(tmp_path, capsys):
    log = logging.getLogger("lightning.pytorch")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        fit(InfoGeometryMonitor(), tmp_path, max_steps=2)
    finally:
        log.setLevel(before)
    assert "follows" not in capsys.readouterr().err


def test_a_fast_dev_run_takes_one_batch(tmp_path):
    monitor = InfoGeometryMonitor()
    fit(monitor, tmp_path, fast_dev_run=2)
    assert {name: len(probe) for name, probe in monitor.followed.items()} == {"train": 16, "val": 32}
