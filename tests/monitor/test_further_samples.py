"""Markers of samples see more held-out samples than the probe has; everything else is as without them."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import Categorical, InfoGeometryMonitor, OverfittingOnset, Probe
from lightning_infogeo.monitor.arguments import bytes_of
from lightning_infogeo.monitor.device.further_samples import FurtherSamples
from lightning_infogeo.probe import Chosen, Evaluator, Inputs
from tests.helpers.classifiers import IMAGES, LABELS, Augmented, Classifier, fit, train_loader, val_loader
from tests.helpers.host_reads import Sentry
from tests.helpers.markers import OfSamples
from tests.helpers.resuming import REMARKS_ON_RESUMING, ByStep, same, saved
from tests.helpers.tasks import Binary, Language, ManyLabels, Segmentation
from tests.helpers.tasks import loaders as task_loaders
from tests.helpers.training_outcome import outcome

pytestmark = [*REMARKS_ON_RESUMING, pytest.mark.usefixtures("lines_are_written")]


def watching(flag_size=130, cls=InfoGeometryMonitor, **options):
    options = {"probe_size": 30, "schedule": 2, "markers": [OfSamples(8)], "strict": True, **options}
    return cls(flag_size=flag_size, **options)


def followed(monitor):
    """The samples that the marker should see on "val": the probe's, then the further ones."""
    chosen = monitor._session.recorder.outputs.chosen["val"]
    parts = [chosen.probe] if chosen.further is None else [chosen.probe, chosen.further.probe]
    return torch.cat([part.inputs for part in parts]), torch.cat([part.labels for part in parts])


def seen(monitor):
    (marker,) = monitor.markers
    return marker.seen


def without_them(state):
    """All of a checkpoint that must be as it is without further samples."""
    kept = {key: value for key, value in state.items() if key not in ("run", "watch", "undelivered")}
    kept["recorder"] = {key: part for key, part in kept["recorder"].items() if key not in ("markers", "further")}
    return kept


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a.nan_to_num(-1.0), b.nan_to_num(-1.0))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(value, b[key]) for key, value in a.items())
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b or (a != a and b != b)


def test_the_marker_sees_the_probe_and_then_more(tmp_path):
    monitor = watching()
    trainer = fit(monitor, tmp_path, val=val_loader(300))
    x, y = followed(monitor)
    assert len(x) == len(x.unique(dim=0)) == 130
    with torch.no_grad():
        expected = cross_entropy(trainer.lightning_module(x), y, reduction="none") / 2
    assert [len(distances) for distances in seen(monitor)] == [130] * 7
    torch.testing.assert_close(seen(monitor)[-1], expected, rtol=1e-5, atol=1e-6)
    own = monitor.trajectories["val"].distance_to_truth[-1].item()
    assert own == pytest.approx(expected[:30].mean().item(), rel=1e-5)
    assert monitor.verdicts["val"].samples == 130


def test_everything_else_is_bit_for_bit_what_it_is_without(tmp_path):
    states, fingerprints = [], []
    for size in (130, 1):
        monitor = watching(size, parameters=True)
        fit(monitor, tmp_path, val=val_loader(300))
        states.append(monitor.state_dict())
        fingerprints.append({name: probe.fingerprint for name, probe in monitor.followed.items()})
        assert len(seen(monitor)[0]) == max(size, 30)
    assert equal(*map(without_them, states))
    assert not equal(states[0]["recorder"], states[1]["recorder"])
    assert fingerprints[0] == fingerprints[1]


@pytest.mark.parametrize("kind", ["plain", "augmented"])
def test_training_is_unchanged_and_nothing_is_read_back(kind, tmp_path):
    loader = val_loader(300) if kind == "plain" else DataLoader(Augmented(300), batch_size=32)
    monitor = watching(cls=Sentry)
    with_it = outcome([monitor], tmp_path, val=loader)
    assert len(seen(monitor)[0]) == 130
    assert monitor.audits > 6
    assert with_it == outcome([], tmp_path, val=loader)


@pytest.mark.parametrize(
    ("task", "output"),
    [
        (Language, "tokens"),
        (Segmentation, Categorical(ignore_index=255)),
        (ManyLabels, "bernoulli"),
        (Binary, "bernoulli"),
    ],
)
def test_every_kind_of_output_has_them(task, output, tmp_path):
    options = {"output": output, "probe_size": 6, "flag_size": 12, "markers": [OfSamples()], "strict": True}
    monitor = InfoGeometryMonitor(schedule=3, **options)
    fit(monitor, tmp_path, task, max_steps=6, **task_loaders(task))
    sizes = monitor._session.recorder.sizes["val"], monitor._session.recorder.watched["val"]
    assert 1.5 * sizes[0] < sizes[1] < 2.5 * sizes[0]
    assert [len(distances) for distances in seen(monitor)] == [sizes[1]] * 3
    own = monitor.trajectories["val"].distance_to_truth
    for k, distances in enumerate(seen(monitor)):
        assert distances[: sizes[0]].mean().item() == pytest.approx(own[k].item(), rel=1e-5)
        assert distances.isfinite().all()


def test_the_line_says_how_many(tmp_path, capsys):
    fit(watching(), tmp_path, val=val_loader(300))
    lines = capsys.readouterr().err.splitlines()
    (val,) = [line for line in lines if "follows 'val'" in line]
    (train,) = [line for line in lines if "follows 'train'" in line]
    assert "30 of 300 samples, evenly spread (and 100 more for the flag); labels 1..9" in val
    assert "for the flag" not in train


def test_a_probe_of_the_users_is_taken_as_it_is(tmp_path):
    monitor = watching(probes={"val": Probe(IMAGES[:40], LABELS[:40]), "other": train_loader(96)})
    fit(monitor, tmp_path)
    assert monitor._session.recorder.watched == {"val": 40, "other": 96}


def test_a_set_without_labels_has_none(tmp_path):
    soft = nn.functional.one_hot(LABELS[:200], 10).float() * 0.9 + 0.01
    monitor = watching(probes={"val": DataLoader(TensorDataset(IMAGES[:200], soft), batch_size=32)})
    fit(monitor, tmp_path)
    assert monitor._session.recorder.watched == {"val": 30}
    assert seen(monitor) == []


def test_labels_that_do_not_fit_are_left_out_with_a_warning(tmp_path):
    labels = LABELS[1000:1300].clone()
    labels[1::10] = 99
    monitor = watching()
    loader = DataLoader(TensorDataset(IMAGES[1000:1300], labels), batch_size=32)
    with pytest.warns(UserWarning, match=r"takes no further samples beside 'val'.*0\.\.9"):
        fit(monitor, tmp_path, val=loader, limit_val_batches=1, max_steps=3)
    assert [len(distances) for distances in seen(monitor)] == [30] * 3


@pytest.mark.parametrize(("memory", "expected"), [("60MB", 130), ("30KB", 113), ("16KB", 60)])
def test_memory_bounds_them(memory, expected, tmp_path):
    """Inputs take twice the memory on the host, of which each of two probes has half."""
    monitor = watching(memory=memory, embedding=False)
    fit(monitor, tmp_path, val=val_loader(300))
    x, y = followed(monitor)
    assert len(seen(monitor)[0]) == len(x) == expected
    assert x.nbytes + y.nbytes <= bytes_of(memory)


class FailsOnMore(Classifier):
    """On any sample but those of the probe, from a step on."""

    def forward(self, x):
        if not self.training and self.global_step >= 4 and len(x) == 20 and self.trainer.training:
            raise RuntimeError("no such layer")
        return self.net(x)


def test_one_on_which_it_fails_is_as_for_the_probe(tmp_path):
    monitor = watching(50, strict=False)
    with pytest.warns(UserWarning, match="recording at step 4 raised RuntimeError"):
        trainer = fit(monitor, tmp_path, FailsOnMore, train=train_loader(192, 20), val=val_loader(100))
    assert trainer.global_step == 12
    assert monitor.trajectories["val"].steps.tolist() == [0, 2]


@pytest.mark.parametrize("at", [4, 7])
def test_a_resumed_run_has_the_same_whatever_it_is_told(at, tmp_path):
    options = {"val": val_loader(300), "enable_checkpointing": True}
    whole, resumed = watching(parameters=True), watching("auto", parameters=True)
    fit([whole, saved(tmp_path, every_n_train_steps=1)], tmp_path, ByStep, **options)
    path = tmp_path / f"step={at}.ckpt"
    fit(resumed, tmp_path, ByStep, val=val_loader(300), ckpt_path=path, seed=99, max_steps=12)
    same(whole.trajectories, resumed.trajectories)
    assert whole.events == resumed.events != []
    assert whole.verdicts == resumed.verdicts
    assert equal(whole.state_dict()["recorder"], resumed.state_dict()["recorder"])
    further = torch.load(path, weights_only=True)["callbacks"]["InfoGeometryMonitor[infogeo]"]["recorder"]["further"]
    assert further["val"]["asked"] == further["val"]["samples"] == 100
    assert len(further["val"]["fingerprint"]) == 64


def other_samples(loader, change):
    """The same probe of 30, evenly spread over 300; other images, labels or neither beside it."""
    images, labels = (tensor.clone() for tensor in loader.dataset.tensors)
    if change == "others":
        images[[k for k in range(300) if k % 10]] += 0.5
    if change == "labels":
        labels[1::10] = 0
    return DataLoader(TensorDataset(images, labels), batch_size=32)


@pytest.mark.parametrize("change", ["others", "labels", "none"])
def test_on_other_samples_the_marker_begins_anew_and_a_line_says_so(change, tmp_path, capsys):
    first, loader = watching(), val_loader(300)
    fit([first, saved(tmp_path, every_n_train_steps=5)], tmp_path, ByStep, val=loader, enable_checkpointing=True)
    capsys.readouterr()
    resumed, loader = watching(), other_samples(loader, change)
    fit(resumed, tmp_path, ByStep, val=loader, ckpt_path=tmp_path / "step=5.ckpt", max_steps=12)
    same(first.trajectories, resumed.trajectories)
    lines = [line for line in capsys.readouterr().err.splitlines() if "begins anew" in line]
    assert len(lines) == (change != "none")
    total = resumed._session.recorder._markers.tensors[0].total
    summed = torch.stack(resumed.markers[0].seen).sum(0)
    assert torch.equal(total, summed) == (change != "none")


def test_an_old_checkpoint_goes_on_without_them(tmp_path):
    first, resumed = watching(1), watching()
    saving, options = saved(tmp_path, every_n_train_steps=5), {"val": val_loader(300)}
    fit([first, saving], tmp_path, ByStep, enable_checkpointing=True, **options)
    path = tmp_path / "step=5.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    assert checkpoint["callbacks"][first.state_key]["recorder"].pop("further") == {}
    torch.save(checkpoint, path)
    fit(resumed, tmp_path, ByStep, ckpt_path=path, max_steps=12, **options)
    same(first.trajectories, resumed.trajectories)
    assert first.events == resumed.events != []


def test_a_further_fit_and_a_copy_keep_them(tmp_path):
    monitor = watching()
    made = fit(monitor, tmp_path, ByStep, val=val_loader(300), max_steps=6, max_epochs=-1)
    before = followed(monitor)
    copied = copy.deepcopy(monitor)
    assert copied.verdicts == monitor.verdicts
    assert torch.equal(followed(copied)[0], before[0])
    made.fit_loop.epoch_loop.max_steps = 12
    made.fit(made.lightning_module, train_loader(), val_loader(300))
    assert torch.equal(followed(monitor)[0], before[0])
    assert monitor.trajectories["val"].steps.tolist() == [0, 2, 4, 6, 8, 10, 12]
    assert {len(distances) for distances in seen(monitor)} == {130}


def test_a_state_restored_in_mid_fit_goes_on_with_them(tmp_path):
    class Restores(InfoGeometryMonitor):
        kept = None

        def on_train_batch_end(self, trainer, *args):
            super().on_train_batch_end(trainer, *args)
            if trainer.global_step == 4 and self.kept is None:
                self.kept = copy.deepcopy(self.state_dict())
            if trainer.global_step == 7:
                self.load_state_dict(self.kept)

    monitor = watching(cls=Restores)
    fit(monitor, tmp_path, val=val_loader(300))
    assert {len(distances) for distances in seen(monitor)} == {130}
    assert monitor.trajectories["val"].steps.tolist() == [0, 2, 4, 8, 10, 12]


@pytest.mark.parametrize("others", [False, True])
def test_and_from_one_of_other_samples_it_begins_anew_there_too(others, tmp_path):
    class Restores(InfoGeometryMonitor):
        """Goes back in mid-fit to the checkpoint that the fit has begun from."""

        path = None

        def on_train_batch_end(self, trainer, *args):
            super().on_train_batch_end(trainer, *args)
            if trainer.global_step == 9 and self.path:
                self.load_state_dict(torch.load(self.path, weights_only=True)["callbacks"][self.state_key])

    first, resumed = (watching(cls=Restores, markers=[OverfittingOnset()]) for _ in range(2))
    saving, loader = saved(tmp_path, every_n_train_steps=5), val_loader(300)
    fit([first, saving], tmp_path, ByStep, val=loader, enable_checkpointing=True)
    resumed.path = tmp_path / "step=5.ckpt"
    val = other_samples(loader, "others") if others else loader
    fit(resumed, tmp_path, ByStep, val=val, ckpt_path=resumed.path, max_steps=12)
    assert resumed.trajectories["val"].steps.tolist() == [0, 2, 4, 10, 12]
    ((_, _, state),) = resumed.state_dict()["watch"]["states"]
    assert state["noise"]["records"] == (2 if others else 5)


def test_after_the_fit_nothing_of_them_is_on_the_device(tmp_path):
    monitor = watching()
    fit(monitor, tmp_path, val=val_loader(300))
    assert monitor._session.recorder.outputs.further._inputs == {}


def test_without_a_marker_of_samples_there_are_none(tmp_path):
    monitor = watching(markers=())
    fit(monitor, tmp_path, val=val_loader(300))
    assert monitor._session.recorder.watched == monitor._session.recorder.sizes
    assert monitor._session.recorder.outputs.chosen["val"].further is None


def test_inputs_are_kept_on_an_accelerator_only_where_there_is_room():
    """On "meta", which stands for one."""
    chosen = {}
    for name in ("a", "b", "c"):
        chosen[name] = Chosen(Probe(IMAGES[:4], LABELS[:4]), [], further=Chosen(Probe(IMAGES[:4], LABELS[:4]), []))
    inputs = {name: Inputs([IMAGES[:4]], [4], torch.device("meta")) for name in chosen}
    further = FurtherSamples(chosen, inputs, Evaluator(None, "full", 4))
    further.keep_on(torch.device("meta"), 2 * IMAGES[:4].nbytes + 100)
    assert [one.batches[0].device.type for one in further._inputs.values()] == ["meta", "meta", "cpu"]


def test_samples_whose_logits_are_not_finite_are_left_out_and_named(tmp_path):
    """A single one would make every record of the marker unknown, and nobody would see it in the curves."""
    images, labels = (tensor.clone() for tensor in val_loader(300).dataset.tensors)
    images[[k for k in range(300) if k % 10]] = torch.nan  # the probe takes the others
    monitor = watching(strict=False)
    with pytest.warns(UserWarning, match=r"flag_size=.*takes no further samples beside 'val': logits on them are not"):
        fit(monitor, tmp_path, val=DataLoader(TensorDataset(images, labels), batch_size=32))
    assert {len(distances) for distances in seen(monitor)} == {30}
    assert all(distances.isfinite().all() for distances in seen(monitor))
