"""Read back from what loggers really wrote."""

import csv
import itertools

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch import callbacks as lightning_callbacks
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from lightning_infogeo import AtSteps, EveryNEpochs, InfoGeometryMonitor, Probe
from lightning_infogeo.quantities import logged_by_default
from tests.helpers import oracles
from tests.helpers.classifiers import IMAGES, LABELS, Classifier, TwoOptimizers, fit, val_loader
from tests.helpers.loggers import Minimal, records, scalars

KEYS = ["velocity", "length", "displacement", "straightness", "roughness", "entropy", "distance_to_truth", "progress"]
LOGGED = logged_by_default()


def test_tensorboard_holds_every_record_at_the_step_of_lightnings_own_metrics(tmp_path):
    logger, monitor = TensorBoardLogger(tmp_path), InfoGeometryMonitor(schedule=3, quantities="all")
    fit(monitor, tmp_path, logger=logger, log_every_n_steps=1, max_steps=10)
    written = scalars(logger.log_dir)
    assert {f"infogeo/{probe}/{key}" for probe in ("train", "val") for key in KEYS} <= written.keys()
    trajectory = monitor.trajectories["val"]
    assert trajectory.steps.tolist() == [0, 3, 6, 9, 10]
    own_x = [x for x, _ in written["train_loss"]]
    for key in KEYS:
        points = written[f"infogeo/val/{key}"]
        values = getattr(trajectory, key)[1:].float()
        defined = values.isfinite()
        assert [x for x, _ in points] == torch.tensor([2, 5, 8, 9])[defined].tolist()  # step − 1; no initial record
        assert set(x for x, _ in points) <= set(own_x)
        torch.testing.assert_close(torch.tensor([value for _, value in points]), values[defined])


def test_the_loss_of_the_user_and_the_distance_to_truth_tell_the_same_story(tmp_path):
    """d_B to truth is half the cross-entropy: of the whole validation set where the probe is the whole of it."""
    logger = TensorBoardLogger(tmp_path)
    fit(InfoGeometryMonitor(schedule=EveryNEpochs(1)), tmp_path, logger=logger, max_epochs=3, max_steps=-1)
    written = scalars(logger.log_dir)
    distances, losses = written["infogeo/val/distance_to_truth"], written["val_loss"]
    assert [x for x, _ in distances] == [x for x, _ in losses] == [5, 11, 17]
    for (_, distance), (_, loss) in zip(distances, losses, strict=True):
        assert distance == pytest.approx(loss / 2, rel=1e-5)


def test_csv_has_every_record_and_no_new_columns_later(tmp_path):
    logger, monitor = CSVLogger(tmp_path), InfoGeometryMonitor(schedule=3)
    fit(monitor, tmp_path, logger=logger, max_steps=9)
    with open(f"{logger.log_dir}/metrics.csv") as file:
        rows = [row for row in csv.DictReader(file) if row["infogeo/val/length"]]
    assert [int(row["step"]) for row in rows] == [2, 5, 8]
    lengths = [float(row["infogeo/val/length"]) for row in rows]
    assert lengths == pytest.approx(monitor.trajectories["val"].length[1:].tolist())


class Dotted(Minimal):
    @property
    def group_separator(self):
        return "."


def test_every_logger_of_the_trainer_gets_the_same_keys_at_every_record(tmp_path):
    loggers = [Minimal(), Dotted()]
    fit(InfoGeometryMonitor(schedule=2), tmp_path, logger=loggers, max_steps=7)
    for logger, separator in zip(loggers, "/.", strict=True):
        steps, keys = records(logger, separator)
        assert steps == [1, 3, 5, 6]
        expected = {separator.join(("infogeo", probe, key)) for probe in ("train", "val") for key in LOGGED}
        expected |= {separator.join(("infogeo", key)) for key in ("markers", "overfitting")}
        assert all(found == expected for found in keys)


def test_without_any_logger_values_are_in_trajectories_and_callback_metrics(tmp_path):
    monitor = InfoGeometryMonitor(schedule=2)
    trainer = fit(monitor, tmp_path, max_steps=7, logger=False)
    assert len(monitor.trajectories["train"]) == 5
    for key in KEYS:
        series = getattr(monitor.trajectories["val"], key)
        last_finite = series[series.isfinite()][-1]
        assert trainer.callback_metrics[f"infogeo/val/{key}"].item() == pytest.approx(last_finite.item())


def test_what_is_not_defined_is_no_point_in_a_logger_and_not_in_callback_metrics(tmp_path):
    logger = Minimal()
    trainer = fit(InfoGeometryMonitor(schedule=1, quantities="all"), tmp_path, logger=logger, max_steps=3)
    assert not [1 for _, metrics in logger.calls if "infogeo/val/roughness" in metrics]
    assert "infogeo/val/roughness" not in trainer.callback_metrics
    assert trainer.callback_metrics["infogeo/val/velocity"] > 0


@pytest.mark.parametrize("options", [{}, {"val_check_interval": 3}])
def test_early_stopping_and_checkpoints_can_monitor_a_curve(options, tmp_path):
    key = "infogeo/val/distance_to_truth"
    best = ModelCheckpoint(tmp_path, monitor=key, filename="best")
    stop = EarlyStopping(key, patience=2, mode="min")
    monitor = InfoGeometryMonitor(schedule=1)
    diverging = lambda: Classifier(lr=3.0)  # noqa: E731
    trainer = fit(
        [monitor, stop, best], tmp_path, diverging, max_steps=300, enable_checkpointing=True, logger=False, **options
    )
    assert 0 < trainer.global_step < 300
    trajectory = monitor.trajectories["val"]
    assert trajectory.steps[-1] == trainer.global_step
    every = 6 if not options else 3
    seen = trajectory.distance_to_truth[every::every]
    assert best.best_model_score.item() == pytest.approx(seen.min().item(), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"accumulate_grad_batches": 4, "max_steps": 4}, ([2, 4], [1, 3])),
        ({"model": TwoOptimizers, "max_steps": 8}, ([2, 4, 6, 8], [0, 1, 2, 3])),
    ],
)
def test_steps_are_optimizer_steps_and_x_is_lightnings(options, expected, tmp_path):
    logger, monitor = Minimal(), InfoGeometryMonitor(schedule=2)
    fit(monitor, tmp_path, logger=logger, **options)
    assert monitor.trajectories["train"].steps.tolist() == [0, *expected[0]]
    assert records(logger)[0] == expected[1]


def test_velocity_of_two_optimizers_is_per_optimizer_step(tmp_path):
    monitor = InfoGeometryMonitor(schedule=1)
    fit(monitor, tmp_path, TwoOptimizers, max_steps=8)
    trajectory = monitor.trajectories["train"]
    torch.testing.assert_close(trajectory.velocity[1:], trajectory.length.diff() / 2)


def test_the_step_at_which_training_was_stopped_is_recorded_without_velocity(tmp_path):
    class Stop(Classifier):
        def on_train_batch_end(self, outputs, batch, batch_idx):
            self.trainer.should_stop = self.global_step == 8

    logger, monitor = Minimal(), InfoGeometryMonitor(schedule=AtSteps([5]))
    fit(monitor, tmp_path, Stop, logger=logger, max_steps=100)
    assert monitor.trajectories["val"].steps.tolist() == [0, 5, 8]
    assert monitor.trajectories["val"].velocity.isnan().tolist() == [True, False, True]
    assert records(logger)[0] == [4, 7]


def test_epochs_of_unknown_length_are_recorded_without_velocity(tmp_path):
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter([(IMAGES[i], LABELS[i]) for i in range(40)])

    monitor = InfoGeometryMonitor(schedule=EveryNEpochs(1))
    train = torch.utils.data.DataLoader(Stream(), batch_size=8)
    fit(monitor, tmp_path, train=train, max_steps=-1, max_epochs=3)
    assert monitor.trajectories["train"].steps.tolist() == [0, 5, 10, 15]
    assert monitor.trajectories["train"].velocity.isnan().all()
    assert monitor.trajectories["train"].length[-1] > 0


def test_known_ends_of_epochs_and_of_training_have_a_velocity(tmp_path):
    monitor = InfoGeometryMonitor(schedule=EveryNEpochs(2))
    fit(monitor, tmp_path, max_steps=-1, max_epochs=5, accumulate_grad_batches=4)
    assert monitor.trajectories["train"].steps.tolist() == [0, 4, 8, 10]
    assert monitor.trajectories["train"].velocity[1:].isfinite().all()


def test_lag_zero_is_the_chord_speed(tmp_path):
    monitor = InfoGeometryMonitor(schedule=4, lag=0)
    fit(monitor, tmp_path)
    trajectory = monitor.trajectories["train"]
    torch.testing.assert_close(trajectory.velocity[1:], trajectory.length.diff() / 4)


def test_values_agree_with_a_recomputation_from_saved_weights(tmp_path):
    """An independent path: keep the weights after each step, and evaluate in float64 afterwards."""

    class Keep(pl.Callback):
        def __init__(self):
            self.weights = []

        def on_train_start(self, trainer, pl_module):
            self.on_train_batch_end(trainer, pl_module)

        def on_train_batch_end(self, trainer, pl_module, *args):
            self.weights.append({name: value.clone() for name, value in pl_module.state_dict().items()})

    keep, monitor = Keep(), InfoGeometryMonitor(probes=Probe(IMAGES[:30], LABELS[:30]), schedule=5)
    trainer = fit([keep, monitor], tmp_path, max_steps=23)
    model, predictions = trainer.lightning_module.double(), []
    for weights in keep.weights:
        model.load_state_dict(weights)
        predictions.append(oracles.softmax(model(IMAGES[:30].double()).detach()))
    steps = [0, 5, 10, 15, 20, 23]
    trajectory = monitor.trajectories["probe"]
    assert trajectory.steps.tolist() == steps
    hops = [oracles.fisher_rao(predictions[a], predictions[b]) for a, b in itertools.pairwise(steps)]
    lags = [oracles.fisher_rao(predictions[s - 1], predictions[s]) for s in steps[1:]]
    assert trajectory.length.diff().tolist() == pytest.approx(hops, rel=1e-4)
    assert trajectory.velocity[1:].tolist() == pytest.approx(lags, rel=1e-4)


def test_export_to_frames_and_csv(tmp_path):
    probes = {"val": Probe(IMAGES[:20], LABELS[:20]), "bare": Probe(IMAGES[:20])}
    monitor = InfoGeometryMonitor(probes=probes, schedule=4)
    fit(monitor, tmp_path, precision="bf16-mixed")
    frame = monitor.to_frame("val")
    assert frame.index.tolist() == [0, 4, 8, 12]
    assert frame["length"].tolist() == monitor.trajectories["val"].length.tolist()
    assert frame.attrs == {"schedule": "EveryNSteps(n=4)", "lag": 1, "precision": "full float32"}
    with pytest.raises(KeyError, match=r"to_frame\(probe='test'\)"):
        monitor.to_frame("test")
    monitor.to_csv(tmp_path / "all.csv")
    with open(tmp_path / "all.csv") as file:
        rows = list(csv.DictReader(file))
    assert [(row["probe"], int(row["step"])) for row in rows[3:6]] == [("val", 12), ("bare", 0), ("bare", 4)]
    assert float(rows[1]["length"]) == frame["length"].iloc[1]
    assert rows[0]["velocity"] == rows[4]["distance_to_truth"] == ""


def test_the_record_says_in_which_precision_it_was_made(tmp_path):
    for precision, expected in [("full", "full float32"), ("training", "training bfloat16")]:
        monitor = InfoGeometryMonitor(precision=precision)
        fit(monitor, tmp_path, precision="bf16-mixed", max_steps=2)
        assert monitor.trajectories["val"].precision == expected


def test_several_validation_loaders_are_followed_each_by_name(tmp_path):
    logger, monitor = Minimal(), InfoGeometryMonitor(probe_size=20)
    fit(monitor, tmp_path, val=[val_loader(), val_loader(start=1200)], logger=logger, max_steps=3)
    assert list(monitor.trajectories) == ["train", "val", "val_1"]
    assert not torch.equal(monitor.followed["val"].inputs, monitor.followed["val_1"].inputs)
    assert len(monitor.followed["val_1"]) == 20


def test_a_missing_validation_set_leaves_the_training_probe(tmp_path):
    monitor = InfoGeometryMonitor()
    fit(monitor, tmp_path, val=False, max_steps=3)
    assert list(monitor.trajectories) == ["train"]


def test_a_distant_first_validation_is_found_all_the_same(tmp_path):
    monitor = InfoGeometryMonitor()
    fit(monitor, tmp_path, check_val_every_n_epoch=5, max_steps=3)
    assert list(monitor.trajectories) == ["train", "val"]


def test_a_checkpoint_of_a_step_is_scored_by_the_record_of_that_step(tmp_path):
    best = ModelCheckpoint(
        tmp_path, monitor="infogeo/val/distance_to_truth", every_n_train_steps=1, save_top_k=-1, filename="{step}"
    )
    monitor = InfoGeometryMonitor(schedule=1)
    fit([monitor, best], tmp_path, max_steps=6, enable_checkpointing=True)
    truth = monitor.trajectories["val"].distance_to_truth
    scores = {int(name.rsplit("=", 1)[1].removesuffix(".ckpt")): v.item() for name, v in best.best_k_models.items()}
    assert scores == {step: pytest.approx(truth[step].item()) for step in range(1, 7)}


def test_an_epoch_cut_short_is_recorded_at_its_end(tmp_path):
    class Skips(Classifier):
        def on_train_batch_start(self, batch, batch_idx):
            return -1 if batch_idx == 4 else None

    logger, monitor = Minimal(), InfoGeometryMonitor(schedule=EveryNEpochs(1))
    fit(monitor, tmp_path, Skips, max_steps=-1, max_epochs=4, logger=logger)
    assert monitor.trajectories["train"].steps.tolist() == [0, 4, 8, 12, 16]
    assert len(records(logger)[0]) == 4


def test_the_end_of_training_is_foreseen_though_epochs_change_their_length(tmp_path):
    monitor = InfoGeometryMonitor(schedule=1000)
    accumulate = lightning_callbacks.GradientAccumulationScheduler({0: 1, 2: 3})
    fit([monitor, accumulate], tmp_path, max_steps=-1, max_epochs=4)
    assert monitor.trajectories["train"].steps.tolist() == [0, 16]
    assert monitor.trajectories["train"].velocity[-1] > 0
