"""A training measured by finished ones: on the same path there is no distance, at half the rate it lags behind."""

import itertools
import math

import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lightning_infogeo import ArchiveSettings, ConfigurationError, InfoGeometryMonitor, Probe, Trajectory
from lightning_infogeo.reference import References
from tests.helpers.classifiers import IMAGES, LABELS, Classifier, digest, fit
from tests.helpers.host_reads import Sentry
from tests.helpers.resuming import REMARKS_ON_RESUMING, ByStep, saved

pytestmark = REMARKS_ON_RESUMING

HELD_OUT = Probe(IMAGES[500:560], LABELS[500:560])


def finished(tmp_path, name="best", steps=40, probes=None, model=ByStep, **settings):
    path = tmp_path / f"{name}.zarr"
    monitor = InfoGeometryMonitor(
        probes or {"val": HELD_OUT}, schedule=2, archive=ArchiveSettings(path, **settings), embedding=False
    )
    fit(monitor, tmp_path / name, model, max_steps=steps)
    return path


def following(reference, **options):
    return InfoGeometryMonitor(**{"schedule": 2, "reference": reference, **options})


def test_the_same_training_is_on_the_path_and_neither_ahead_nor_behind(tmp_path):
    monitor = following(finished(tmp_path))
    fit(monitor, tmp_path / "again", ByStep, max_steps=40)
    (name,) = monitor.trajectories
    assert name == "val"
    trajectory = monitor.trajectories["val"]
    gained = trajectory.progress == trajectory.progress.cummax(0).values
    assert gained.sum() > 10
    # The table of the reference is interpolated between a hundred values of progress.
    assert trajectory.distance_to_reference[gained][2:].max() < 1e-3
    assert trajectory.lead[gained][2:-1].abs().max() < 2


def test_a_slower_training_is_behind(tmp_path):
    monitor = following(finished(tmp_path))
    fit(monitor, tmp_path / "slow", lambda: ByStep(lr=2e-3), max_steps=40)
    lead = monitor.trajectories["val"].lead
    assert lead[-1] < -10


def test_the_monitor_says_so_to_tensorboard_and_callback_metrics(tmp_path):
    monitor = following(finished(tmp_path))
    logger = TensorBoardLogger(tmp_path, version=0)
    trained = fit(monitor, tmp_path / "again", ByStep, max_steps=40, logger=logger, log_every_n_steps=1)
    read = EventAccumulator(logger.log_dir, size_guidance={"images": 0})
    read.Reload()
    for quantity in ("distance_to_reference", "lead"):
        curve = [event.value for event in read.Scalars(f"infogeo/val/{quantity}")]
        recorded = getattr(monitor.trajectories["val"], quantity)[1:].float()
        assert curve == pytest.approx(recorded[recorded.isfinite()].tolist())
        assert f"infogeo/val/{quantity}" in trained.callback_metrics
    assert len(read.Images("infogeo/reference")) == len(read.Images("infogeo/embedding")) >= 2


def test_the_axes_of_the_references_never_move(tmp_path, monkeypatch):
    first, second = finished(tmp_path), finished(tmp_path, "other", model=lambda: ByStep(lr=3e-3))
    monitor = following([first, second], schedule=1)
    pictures = []
    placed = References.placed

    def noted(self, probe, matrix):
        pictures.append(placed(self, probe, matrix))
        return pictures[-1]

    monkeypatch.setattr(References, "placed", noted)
    fit(monitor, tmp_path / "again", ByStep, max_steps=40, logger=TensorBoardLogger(tmp_path))
    assert len(pictures) >= 2
    assert [name for name, _ in pictures[-1].references] == ["best", "other"]
    for a, b in itertools.pairwise(pictures):
        for (_, left), (_, right) in zip(a.references, b.references, strict=True):
            assert torch.equal(left, right)
        shared = [k for k, step in enumerate(b.steps.tolist()) if step in a.steps.tolist()]
        place = {step: k for k, step in enumerate(a.steps.tolist())}
        before = a.embedding.coordinates[[place[int(b.steps[k])] for k in shared]]
        torch.testing.assert_close(b.embedding.coordinates[shared], before, atol=1e-5, rtol=0)


def test_where_it_is_on_the_chart_is_where_its_reference_was(tmp_path):
    monitor = following(finished(tmp_path))
    fit(monitor, tmp_path / "again", ByStep, max_steps=40, logger=TensorBoardLogger(tmp_path))
    recorder = monitor._session.recorder
    (snapshot,) = (each for each in recorder.snapshots([("val",)]) if each.referred)
    picture = recorder.references.placed("val", snapshot.matrix.cpu())
    ((_, path),) = picture.references
    torch.testing.assert_close(picture.embedding.coordinates, path, atol=1e-3, rtol=0)


def test_training_is_unchanged(tmp_path):
    path = finished(tmp_path)
    without = fit([], tmp_path / "a", ByStep, max_steps=12)
    assert digest(fit(following(path), tmp_path / "b", ByStep, max_steps=12)) == digest(without)


def test_a_record_reads_nothing_back(tmp_path):
    path = finished(tmp_path)

    monitor = Sentry(schedule=2, reference=path, archive=tmp_path / "new.zarr", strict=True)
    fit(monitor, tmp_path / "b", ByStep, max_steps=8)
    assert monitor.audits > 3


def test_resumed_it_goes_on_bit_by_bit(tmp_path):
    path = finished(tmp_path)
    whole = following(path)
    fit(
        [whole, saved(tmp_path / "c", every_n_train_steps=9)], tmp_path, ByStep, max_steps=18, enable_checkpointing=True
    )
    resumed = following(path)
    fit(resumed, tmp_path, ByStep, ckpt_path=tmp_path / "c" / "step=9.ckpt", seed=99, max_steps=18)
    for quantity in ("distance_to_reference", "lead", "length"):
        left, right = (getattr(m.trajectories["val"], quantity) for m in (whole, resumed))
        torch.testing.assert_close(left, right, rtol=0, atol=0, equal_nan=True)
    with pytest.raises(ConfigurationError, match=r"resume with the same reference"):
        fit(
            InfoGeometryMonitor({"val": HELD_OUT}, schedule=2),
            tmp_path,
            ByStep,
            ckpt_path=tmp_path / "c" / "step=9.ckpt",
            max_steps=18,
        )


def test_probes_given_are_followed_too_if_they_are_those_of_the_reference(tmp_path):
    path = finished(tmp_path)
    other = Probe(IMAGES[600:650], LABELS[600:650])
    monitor = following(path, probes={"val": HELD_OUT, "more": other})
    fit(monitor, tmp_path / "again", ByStep, max_steps=6)
    assert "lead" in monitor.trajectories["val"].quantities
    assert "lead" not in monitor.trajectories["more"].quantities
    with pytest.raises(ConfigurationError, match=r"probe 'val' of 'best' has other samples"):
        fit(following(path, probes={"val": other}), tmp_path / "bad", ByStep, max_steps=6)
    with pytest.raises(ConfigurationError, match=r"share no probe with labels named as one of \['test'\]"):
        fit(following(path, probes={"test": other}), tmp_path / "bad", ByStep, max_steps=6)


def test_inputs_have_to_be_stored(tmp_path):
    path = finished(tmp_path, store_inputs=False)
    with pytest.raises(ConfigurationError, match=r"holds no inputs of 'val'; record it with .*store_inputs=True"):
        fit(following(path), tmp_path / "again", ByStep, max_steps=6)
    monitor = following(path, probes={"val": HELD_OUT})
    fit(monitor, tmp_path / "again", ByStep, max_steps=6)
    assert monitor.trajectories["val"].distance_to_reference.isfinite().all()


def test_another_number_of_classes_is_refused(tmp_path):
    path = finished(tmp_path)
    wide = torch.nn.Sequential(torch.nn.Linear(64, 12))
    with pytest.raises(ConfigurationError, match=r"shape \(60, 10\).*this model has \(60, 12\)"):
        fit(following(path), tmp_path / "again", lambda: ByStep(wide), max_steps=6)


@pytest.mark.parametrize("reference", [3, [], "", [None]])
def test_impossible_references_are_refused_at_once(reference):
    with pytest.raises(ConfigurationError, match=r"reference="):
        InfoGeometryMonitor(reference=reference)


def test_a_missing_archive_is_named_at_once(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nothing.zarr.*there is no archive"):
        InfoGeometryMonitor(reference=tmp_path / "nothing.zarr")


def test_a_reference_may_be_archived_against(tmp_path):
    path = finished(tmp_path)
    monitor = following(path, archive=tmp_path / "new.zarr")
    fit(monitor, tmp_path / "again", ByStep, max_steps=10)
    archived = Trajectory.open(tmp_path / "new.zarr", "val")
    assert archived.quantities[-2:] == ("distance_to_reference", "lead")
    assert not math.isnan(float(archived.lead[-1]))


def test_a_diverging_run_gives_nan_and_goes_on(tmp_path):
    path = finished(tmp_path)

    class Explodes(Classifier):
        def on_train_batch_end(self, *args):
            if self.global_step == 4:
                self.net[2].bias.data.fill_(torch.inf)

    monitor = following(path)
    with pytest.warns(UserWarning, match=r"not all finite"):
        fit(monitor, tmp_path / "bad", Explodes, max_steps=10)
    assert monitor.trajectories["val"].lead[3:].isnan().all()
