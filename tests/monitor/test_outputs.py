"""Whole trainings with every kind of output: right curves, unchanged training, no host reads, resumed bit for bit."""

import lightning.pytorch as pl
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import ConfigurationError, EmbeddingSettings, InfoGeometryMonitor, Probe
from lightning_infogeo.distributions import Bernoulli, Categorical, Tokens
from lightning_infogeo.trajectory import extend, start
from tests.classifiers import IMAGES, LABELS, Classifier, fit, noisy_net
from tests.monitor.test_no_sync import Sentry
from tests.monitor.test_resume import pytestmark, same, saved  # noqa: F401
from tests.monitor.test_unchanged import outcome

VOCABULARY = 400


def sequences(size=40, places=9, seed=0):
    """Counting with gaps, part of the labels ignored."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.randint(0, 200, (size, 1), generator=generator)
    ids = first + torch.arange(places + 1) * torch.randint(1, 9, (size, 1), generator=generator)
    labels = ids[:, 1:].clone()
    labels[:, ::4] = -100
    return ids[:, :-1], labels


def maps(size=40):
    """Digits as maps of two levels, and which parts are dark; an edge is ignored."""
    images = IMAGES[:size].reshape(-1, 1, 8, 8)
    labels = (images[:, 0] > 0.5).long() + (images[:, 0] > 0.8)
    labels[:, 0] = 255
    return images, labels


class Task(Classifier):
    """The step decides the batch, as a resume needs it; ``loss`` what is learnt."""

    net_of = staticmethod(noisy_net)
    data = None
    loss = staticmethod(nn.functional.cross_entropy)

    def __init__(self):
        super().__init__(self.net_of())

    def training_step(self, batch, batch_idx):
        torch.manual_seed(self.global_step)
        inputs, labels = self.data
        places = (torch.arange(8) + 5 * self.global_step) % len(inputs)
        return self.loss(self(inputs[places]), labels[places])

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self.loss(self(batch[0]), batch[1]))


class Language(Task):
    data = sequences()

    @staticmethod
    def net_of():
        return nn.Sequential(nn.Embedding(VOCABULARY, 16), nn.Dropout(0.2), nn.Linear(16, VOCABULARY))

    @staticmethod
    def loss(logits, labels):
        return nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())


class Segmentation(Task):
    data = maps()

    @staticmethod
    def net_of():
        return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 1))

    @staticmethod
    def loss(logits, labels):
        return nn.functional.cross_entropy(logits, labels, ignore_index=255)


class ManyLabels(Task):
    """Which of six properties a digit has; labels as floats, as the loss wants them."""

    data = IMAGES[:40], torch.stack([LABELS[:40] % k == 0 for k in range(2, 8)], 1).float()
    loss = staticmethod(nn.functional.binary_cross_entropy_with_logits)

    @staticmethod
    def net_of():
        return nn.Sequential(nn.Linear(64, 16), nn.Dropout(0.2), nn.Linear(16, 6))


class Binary(ManyLabels):
    data = IMAGES[:40], (LABELS[:40] % 2).float()

    def forward(self, x):
        return self.net(x)[:, 0]


SETTINGS = {
    "tokens": (Language, {"output": "tokens"}),
    "some tokens": (Language, {"output": Tokens(max_tokens=50)}),
    "sketched history": (Language, {"output": Tokens(sketch_dim=64)}),
    "sketched": (Language, {"output": "tokens", "memory": "3.2MB"}),
    "maps": (Segmentation, {"output": Categorical(ignore_index=255, max_positions=200)}),
    "several labels": (ManyLabels, {"output": "bernoulli"}),
    "binary": (Binary, {"output": "bernoulli"}),
}


def loader(task, size=40, start=0):
    return DataLoader(TensorDataset(*(part[start : start + size] for part in task.data)), batch_size=8)


def monitor_of(options, kind=InfoGeometryMonitor, **more):
    return kind(schedule=3, embedding=EmbeddingSettings(max_records=16), **{**options, **more})


def loaders(task):
    return {"train": loader(task, 24), "val": loader(task, 16, 24)}


@pytest.mark.parametrize("setting", SETTINGS)
def test_training_is_unchanged_and_nothing_is_read_back(setting, tmp_path):
    task, options = SETTINGS[setting]
    monitor = monitor_of(options, Sentry, strict=True)
    with_it = outcome([monitor], tmp_path, task, max_steps=10, **loaders(task))
    assert monitor.audits > 3
    assert monitor.trajectories["val"].steps.tolist() == [0, 3, 6, 9, 10]
    assert monitor.trajectories["val"].length[-1] > 0
    assert ("sketched" in monitor.trajectories["val"].precision) == (setting == "sketched")
    assert with_it == outcome([], tmp_path, task, max_steps=10, **loaders(task))


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_resumed_run_goes_on_bit_for_bit(setting, tmp_path):
    task, options = SETTINGS[setting]
    whole, resumed = monitor_of(options), monitor_of(options)
    saving = saved(tmp_path, every_n_train_steps=1)
    fit([whole, saving], tmp_path, task, max_steps=20, enable_checkpointing=True, **loaders(task))
    fit(resumed, tmp_path, task, ckpt_path=tmp_path / "step=8.ckpt", seed=99, max_steps=20, **loaders(task))
    same(whole.trajectories, resumed.trajectories)
    for name, trajectory in whole.trajectories.items():
        again = resumed.trajectories[name].history
        assert all(torch.equal(a, b) for a, b in zip(trajectory.history, again, strict=True))


class Snapshot(pl.Callback):
    """The state at one step, and a copy of it."""

    def __init__(self, monitor):
        self.monitor = monitor

    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step == 5:
            self.kept = self.monitor.state_dict()["recorder"]["probes"]["val"]["state"]
            self.copied = {field: tensor.clone() for field, tensor in self.kept.items()}


def test_a_state_taken_during_training_is_not_written_later(tmp_path, monkeypatch):
    """Large logits are written in place."""
    monkeypatch.setattr("lightning_infogeo.pieces.ELEMENTS", 10 * VOCABULARY)
    monitor = monitor_of({"output": "tokens"})
    snapshot = Snapshot(monitor)
    fit([monitor, snapshot], tmp_path, Language, max_steps=10, **loaders(Language))
    assert all(torch.equal(snapshot.kept[field], copied) for field, copied in snapshot.copied.items())
    assert not torch.equal(monitor._recorder._states["val"].last, snapshot.kept["last"])


class Logits(pl.Callback):
    """What the model says at each step, all at once."""

    def __init__(self, inputs):
        self.inputs, self.seen = inputs, {}

    def look(self, trainer, pl_module):
        flags = [m for m in pl_module.modules() if m.training]
        for module in flags:
            module.training = False
        with torch.no_grad():
            self.seen[trainer.global_step] = pl_module(self.inputs)
        for module in flags:
            module.training = True

    def on_train_start(self, trainer, pl_module):
        self.look(trainer, pl_module)

    def on_train_batch_end(self, trainer, pl_module, *args):
        self.look(trainer, pl_module)


def by_hand(seen, steps, flat, labels):
    state, rows = start(flat(seen[0])), []
    for step in steps:
        before = (step - 1, flat(seen[step - 1])) if step else None
        state, row = extend(state, step, flat(seen[step]), labels=labels, before=before)
        rows.append(row)
    return torch.stack(rows).double()


def check_by_hand(task, options, flat, labels, tmp_path, **tolerance):
    inputs, given = task.data
    monitor, logits = monitor_of({**options, "probes": Probe(inputs, given)}), Logits(inputs)
    fit([monitor, logits], tmp_path, task, max_steps=10, **loaders(task))
    got = monitor.trajectories["probe"]
    expected = by_hand(logits.seen, got.steps.tolist(), flat, labels)
    torch.testing.assert_close(got.state_dict()["values"], expected, equal_nan=True, **tolerance)
    return got


def test_tokens_are_a_flattened_categorical_probe(tmp_path):
    given = Language.data[1].flatten()
    kept = given != -100
    options = {"output": "tokens"}
    check_by_hand(Language, options, lambda z: z.flatten(0, 1)[kept], given[kept], tmp_path, rtol=1e-5, atol=1e-6)


def test_maps_are_a_flattened_categorical_probe(tmp_path):
    given = Segmentation.data[1].flatten()
    kept = given != 255
    options = {"output": Categorical(ignore_index=255, max_positions=None)}
    flat = lambda z: z.movedim(1, -1).flatten(0, 2)[kept]  # noqa: E731
    check_by_hand(Segmentation, options, flat, given[kept], tmp_path, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("task", [ManyLabels, Binary])
def test_bernoulli_outputs_are_two_class_softmaxes(task, tmp_path):
    given = task.data[1].flatten().long()

    def flat(z):
        return torch.stack([torch.full_like(z.flatten(), 0.7), z.flatten() + 0.7], -1)

    check_by_hand(task, {"output": "bernoulli"}, flat, given, tmp_path, rtol=1e-4, atol=1e-5)


def test_curves_are_exact_where_only_the_history_is_sketched_and_close_where_all_is(tmp_path):
    given = Language.data[1].flatten()
    kept = given != -100
    flat = lambda z: z.flatten(0, 1)[kept]  # noqa: E731
    options = {"output": Tokens(sketch_dim=64)}
    exact = check_by_hand(Language, options, flat, given[kept], tmp_path, rtol=1e-5, atol=1e-6)
    assert exact.history.amplitudes.shape == (5, int(kept.sum()), 64)
    assert exact.precision == "full float32"
    # 240 tokens: their mean squared chords are known to √(2/64/240) = 1.1 %, distances to half of that.
    options = {"output": Tokens(sketch_dim=64), "memory": "1.5MB"}
    check = check_by_hand(Language, options, flat, given[kept], tmp_path, rtol=0.03, atol=1e-6)
    assert check.precision == "full float32, sketched to 64"
    for name in ("entropy", "distance_to_truth", "progress"):  # known of each sample before it is sketched
        torch.testing.assert_close(getattr(check, name), getattr(exact, name), rtol=1e-5, atol=1e-6)
    assert not torch.equal(check.length, exact.length)


def test_many_pieces_give_the_same_curves(tmp_path, monkeypatch):
    found = []
    for elements in (2**20, 7 * VOCABULARY):
        monkeypatch.setattr("lightning_infogeo.pieces.ELEMENTS", elements)
        for memory in ("256MB", "3.2MB"):
            monitor = monitor_of({"output": "tokens", "memory": memory})
            fit(monitor, tmp_path, Language, max_steps=10, **loaders(Language))
            found.append(monitor.trajectories["val"].state_dict()["values"])
    for whole, in_pieces in zip(found[:2], found[2:], strict=True):
        torch.testing.assert_close(in_pieces, whole, rtol=1e-6, atol=1e-7, equal_nan=True)


def test_sketched_distances_are_near_those_of_amplitudes(tmp_path):
    found = []
    for output in (Tokens(), Tokens(sketch_dim=128)):
        monitor = monitor_of({"output": output, "probes": Probe(*Language.data)})
        fit(monitor, tmp_path, Language, max_steps=30, **loaders(Language))
        found.append(monitor.trajectories["probe"].distances)
    exact, sketched = found
    apart = exact > 0
    error = (sketched - exact)[apart].abs() / exact[apart]
    assert 0 < error.max() < 0.05
    figure = monitor.picture()  # with ignorance, truth and the geodesic between them
    assert figure.axes


@pytest.mark.parametrize(
    ("task", "output", "message"),
    [
        (Language, "categorical", r'output="categorical".*shape \(8, 9, 400\).*need output="tokens"'),
        (Segmentation, "tokens", r'output="tokens".*shape \(8, t, V\).*shape \(8, 3, 8, 8\)'),
        (Binary, "categorical", r'got torch.float32.*output="bernoulli"'),
        (ManyLabels, "categorical", r'integer class indices, got torch.float32.*output="bernoulli"'),
        (Segmentation, "categorical", r"0\.\.2 for the 3 classes.*got 0\.\.255.*ignore_index"),
        (Language, "bernoulli", r"shape \(24, 9, 400\), got \(24, 9\)"),
    ],
)
def test_outputs_that_do_not_fit_are_named_before_the_first_step(task, output, message, tmp_path):
    model = task()
    with pytest.raises(ConfigurationError, match=message):
        fit(InfoGeometryMonitor(output=output), tmp_path, model, **loaders(task))
    assert model.global_step == 0


def test_sigmoids_are_suspected(tmp_path):
    class Sigmoid(ManyLabels):
        loss = staticmethod(nn.functional.binary_cross_entropy)

        def forward(self, x):
            return self.net(x).sigmoid()

    with pytest.warns(UserWarning, match="lie between 0 and 1. Logits are expected"):
        fit(InfoGeometryMonitor(output="bernoulli"), tmp_path, Sigmoid, max_steps=2, **loaders(Sigmoid))


@pytest.mark.parametrize("other", [Tokens(seed=1), Tokens(max_tokens=10), Tokens(sketch_dim=32)])
def test_resuming_with_another_output_is_an_error(other, tmp_path):
    saving = saved(tmp_path, every_n_train_steps=4)
    first = InfoGeometryMonitor(output="tokens")
    fit([first, saving], tmp_path, Language, max_steps=4, enable_checkpointing=True, **loaders(Language))
    resumed = InfoGeometryMonitor(output=other)
    with pytest.raises(ConfigurationError, match=r"was recorded with output=Tokens\(.*resume with the same"):
        fit(resumed, tmp_path, Language, ckpt_path=tmp_path / "step=4.ckpt", max_steps=6, **loaders(Language))


def test_resuming_with_less_memory_is_an_error(tmp_path):
    saving = saved(tmp_path, every_n_train_steps=4)
    first = monitor_of({"output": "tokens"})
    fit([first, saving], tmp_path, Language, max_steps=4, enable_checkpointing=True, **loaders(Language))
    resumed = monitor_of({"output": "tokens", "memory": "3.2MB"})
    with pytest.raises(ConfigurationError, match="resume with the same memory"):
        fit(resumed, tmp_path, Language, ckpt_path=tmp_path / "step=4.ckpt", max_steps=6, **loaders(Language))


@pytest.mark.parametrize("output", ["categorical", "tokens", "bernoulli", Bernoulli(ignore_index=-1)])
def test_the_argument_takes_strings_and_values(output):
    assert InfoGeometryMonitor(output=output).output == output
