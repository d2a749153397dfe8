"""Models that exclude classes by logits of −∞, always or for a while, are followed like any other."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from lightning_infogeo import InfoGeometryMonitor
from lightning_infogeo.distributions import Tokens
from tests.helpers import oracles
from tests.helpers.classifiers import Classifier, fit, val_loader
from tests.helpers.tasks import Language, ManyLabels, loaders

INF = float("inf")


class Wider(Classifier):
    """Three further classes that are never to be chosen."""

    mask = -INF

    def forward(self, x):
        z = self.net(x)
        return torch.cat([z[:, :4], z.new_full((len(z), 3), self.mask), z[:, 4:]], 1)

    def training_step(self, batch, batch_idx):
        x, labels = batch
        return nn.functional.cross_entropy(self(x), labels + 3 * (labels > 3))


def relabelled():
    loader = val_loader()
    x, labels = loader.dataset.tensors
    loader.dataset.tensors = x, labels + 3 * (labels > 3)
    return loader


@pytest.mark.parametrize("mask", [-INF, torch.finfo(torch.float32).min, -1e9, -1e4])
def test_the_curves_are_those_of_the_model_without_the_excluded_classes(mask, tmp_path):
    wide, narrow = (InfoGeometryMonitor(schedule=2, strict=True) for _ in range(2))
    masked = type("Masked", (Wider,), {"mask": mask, "validation_step": lambda *_: None})
    fit(wide, tmp_path / "wide", masked, val=relabelled())
    fit(narrow, tmp_path / "narrow")
    got, expected = wide.trajectories["val"], narrow.trajectories["val"]
    assert got.skipped == 0
    for name in set(got.quantities) - {"progress"}:
        torch.testing.assert_close(getattr(got, name), getattr(expected, name), rtol=1e-4, atol=1e-6, equal_nan=True)
    assert (got.history.amplitudes[..., 4:7] == 0).all()
    torch.testing.assert_close(got.distances, expected.distances, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("mask", [-INF, torch.finfo(torch.bfloat16).min])
def test_in_the_precision_of_training(mask, tmp_path):
    class Masked(Classifier):
        def forward(self, x):
            z = self.net(x)
            assert z.dtype == torch.bfloat16
            return z.masked_fill(torch.arange(10) > 7, mask)

        def training_step(self, batch, batch_idx):
            return nn.functional.cross_entropy(self(batch[0]), batch[1].clamp_max(7))

        def validation_step(self, batch, batch_idx):
            pass

    monitor = InfoGeometryMonitor(precision="training", strict=True)
    fit(monitor, tmp_path, Masked, precision="bf16-mixed")
    trajectory = monitor.trajectories["val"]
    assert trajectory.skipped == 0
    assert trajectory.velocity[1:].isfinite().all()
    assert (trajectory.history.amplitudes[..., 8:] == 0).all()


class Curriculum(Classifier):
    """Classes that are admitted one after another, and for each input another one that never is."""

    opened = 5
    looks = None

    def forward(self, x):
        z = self.net(x)
        never = (x[:, 10:20].argmax(-1, keepdim=True) + 5) % 10
        z = z.masked_fill(torch.arange(10) == never, -INF)
        return z.masked_fill(torch.arange(10) > self.opened + self.global_step, -INF)

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self(batch[0]).clamp_min(-30), batch[1])

    def validation_step(self, batch, batch_idx):
        pass


class Watching(InfoGeometryMonitor):
    """Keeps what the model says of the probe."""

    def on_fit_start(self, trainer, pl_module):
        self.said = {}
        super().on_fit_start(trainer, pl_module)

    def on_train_batch_end(self, trainer, pl_module, *args):
        with torch.no_grad():
            self.said[trainer.global_step] = pl_module(val_loader().dataset.tensors[0]).double()
        super().on_train_batch_end(trainer, pl_module, *args)


def test_masks_that_change_with_inputs_and_steps_and_exclude_labels(tmp_path):
    monitor = Watching(schedule=1, strict=True, archive="auto")
    trainer = fit(monitor, tmp_path, Curriculum)
    got, p = monitor.trajectories["val"], {step: oracles.softmax(z) for step, z in monitor.said.items()}
    assert got.skipped == 0
    hops = [oracles.fisher_rao(p[s], p[s + 1]) for s in range(1, 12)]
    np.testing.assert_allclose(got.length.diff()[1:], hops, rtol=1e-4)
    np.testing.assert_allclose(got.velocity[2:], hops, rtol=1e-4)
    assert got.distance_to_truth.eq(INF).all()  # some labels never are among the classes
    assert ((got.progress >= 0) & (got.progress <= 1)).all()
    assert "infogeo/val/distance_to_truth" not in trainer.callback_metrics
    assert trainer.callback_metrics["infogeo/val/progress"].isfinite()
    assert monitor.picture() is not None
    assert monitor.summary() is not None
    monitor.to_csv(tmp_path / "path.csv")
    assert ",inf," in (tmp_path / "path.csv").read_text(encoding="utf-8")


def test_certain_answers_of_yes_or_no_questions(tmp_path):
    class Certain(ManyLabels):
        def forward(self, x):
            z = self.net(x)
            z = z.masked_fill(torch.arange(6) == 2, -INF)
            return z.masked_fill((torch.arange(6) == 3) & (x[:, 20:21] > 0.5), INF)

        @staticmethod
        def loss(z, labels):
            return nn.functional.binary_cross_entropy_with_logits(z.clamp(-30, 30), labels)

    monitor = InfoGeometryMonitor(output="bernoulli", strict=True)
    fit(monitor, tmp_path, Certain, **loaders(Certain))
    trajectory = monitor.trajectories["val"]
    assert trajectory.skipped == 0
    assert trajectory.velocity[1:].isfinite().all()
    assert trajectory.entropy.isfinite().all()


def test_a_vocabulary_of_which_a_part_is_excluded_is_sketched(tmp_path):
    class Masked(Language):
        def forward(self, x):
            return super().forward(x).masked_fill(torch.arange(400) % 4 == 3, -INF)

        @staticmethod
        def loss(logits, labels):
            return Language.loss(logits.clamp_min(-30), labels)

    monitors = [InfoGeometryMonitor(output=Tokens(sketch_dim=64), strict=True, memory=m) for m in ("256MB", "1MB")]
    for monitor, room in zip(monitors, ("large", "small"), strict=True):
        fit(monitor, tmp_path / room, Masked, **loaders(Masked))
        trajectory = monitor.trajectories["val"]
        assert trajectory.skipped == 0
        assert trajectory.velocity[1:].isfinite().all()
        assert trajectory.history.distances.isfinite().all()
    exact, sketched = (monitor.trajectories["val"] for monitor in monitors)
    assert "sketched" in sketched.precision
    assert "sketched" not in exact.precision
    torch.testing.assert_close(sketched.entropy, exact.entropy, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(sketched.length[-1], exact.length[-1], rtol=0.1, atol=0)


@pytest.mark.parametrize("whole", [True, False])
def test_only_a_sample_without_any_class_is_no_prediction(whole, tmp_path):
    class Excludes(Classifier):
        def forward(self, x):
            z = self.net(x)
            if not self.training and self.global_step == 4:
                z[3, slice(None) if whole else 1] = -INF
            return z

        def validation_step(self, batch, batch_idx):
            pass

    monitor = InfoGeometryMonitor(schedule=2)
    if whole:
        with pytest.warns(UserWarning, match="at step 4 are not all finite"):
            fit(monitor, tmp_path, Excludes)
    else:
        fit(monitor, tmp_path, Excludes)
    assert monitor.trajectories["val"].skipped == whole
    assert math.isfinite(monitor.trajectories["val"].length[-1])
