"""The curves of every kind of output are those of its samples, and what does not fit is named before training."""

import warnings

import lightning.pytorch as pl
import pytest
import torch
from torch import nn

from lightning_infogeo import ConfigurationError, InfoGeometryMonitor, Probe, Trajectory
from lightning_infogeo.archive import ArchiveError
from lightning_infogeo.distributions import Categorical, Tokens
from lightning_infogeo.trajectory import extend, start
from tests.helpers.classifiers import fit
from tests.helpers.tasks import VOCABULARY, Binary, Language, ManyLabels, Segmentation, loaders, monitor_of


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
        monkeypatch.setattr("lightning_infogeo.distributions.chunks.ELEMENTS", elements)
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
        (Language, "categorical", r'output="categorical".*shape \(24, 9, 400\).*need output="tokens"'),
        (Segmentation, "tokens", r'output="tokens".*shape \(24, t, V\).*shape \(24, 3, 8, 8\)'),
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

    with pytest.warns(UserWarning, match="all lie between 0 and 1.*where logits are expected.*sigmoid"):
        fit(InfoGeometryMonitor(output="bernoulli"), tmp_path, Sigmoid, max_steps=2, **loaders(Sigmoid))


@pytest.mark.parametrize(("sketch_dim", "shapes"), [(None, [(5, 96, VOCABULARY)]), (64, [])])
def test_an_archive_holds_the_samples_followed_and_of_sketched_ones_the_curves(sketch_dim, shapes, tmp_path):
    path = tmp_path / "run.zarr"
    monitor = monitor_of({"output": Tokens(sketch_dim=sketch_dim), "archive": path, "strict": True})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(monitor, tmp_path, Language, max_steps=10, **loaders(Language))
    assert any("sketches, which are not archived" in str(w.message) for w in caught) == (sketch_dim is not None)
    opened = Trajectory.open(path, "val")
    assert opened.steps.tolist() == [0, 3, 6, 9, 10]
    torch.testing.assert_close(opened.length, monitor.trajectories["val"].length)
    kept = Language.data[1][24:40].flatten()
    assert torch.equal(opened.labels, kept[kept != -100])
    if shapes:
        assert [tuple(opened.amplitudes.shape)] == shapes
        torch.testing.assert_close(opened.amplitudes[-1], monitor.trajectories["val"].history.amplitudes[-1])
    else:
        with pytest.raises(ArchiveError, match="there are no amplitudes of 'val'"):
            opened.amplitudes  # noqa: B018
