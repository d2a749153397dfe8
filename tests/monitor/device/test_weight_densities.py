"""The weights' densities in real trainings: what is logged, left unchanged, resumed, and refused."""

import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from lightning_infogeo import ConfigurationError, InfoGeometryMonitor, ParameterDensity
from tests.helpers.classifiers import Classifier, digest, fit, random_streams
from tests.helpers.resuming import REMARKS_ON_RESUMING, ByStep, same, saved

pytestmark = REMARKS_ON_RESUMING

QUANTITIES = ["velocity", "length", "floor", "interval"]
NAMES = ["net.0", "net.2", "biases", "network", "network_independent"]


def test_every_group_reaches_loggers_metrics_and_the_table(tmp_path):
    logger = TensorBoardLogger(tmp_path)
    monitor = InfoGeometryMonitor(parameters=True, schedule=3)
    made = fit(monitor, tmp_path, logger=logger, max_steps=12)
    accumulator = EventAccumulator(logger.log_dir, size_guidance={"scalars": 0})
    accumulator.Reload()
    tags = {tag for tag in accumulator.Tags()["scalars"] if tag.startswith("infogeo/parameters/")}
    logged = [*QUANTITIES, "corrected_length"]
    assert tags == {f"infogeo/parameters/{name}/{quantity}" for name in NAMES for quantity in logged}
    corrected = monitor.trajectories["parameters/network"].corrected_length
    shown = [event.value for event in accumulator.Scalars("infogeo/parameters/network/corrected_length")]
    torch.testing.assert_close(shown, corrected[1:].tolist(), rtol=1e-6, atol=0)
    assert 0 < corrected[-1] < monitor.trajectories["parameters/network"].length[-1]
    length = monitor.trajectories["parameters/network"].length
    assert [event.value for event in accumulator.Scalars("infogeo/parameters/network/length")] == length[1:].tolist()
    assert (length.diff() > 0).all()
    assert made.callback_metrics["infogeo/parameters/network/length"] == length[-1]
    assert monitor.trajectories["parameters/network"].interval.tolist() == [0, 3, 3, 3, 3]
    from rich.console import Console

    console = Console(width=120, record=True)
    console.print(monitor.summary())
    assert "network_independent" in console.export_text()
    assert set(monitor.to_frame("parameters/net.0").columns) == set(QUANTITIES)
    monitor.to_csv(tmp_path / "path.csv")
    assert "parameters/net.2,12" in (tmp_path / "path.csv").read_text()


def test_groups_add_in_squares(tmp_path):
    monitor = InfoGeometryMonitor(parameters=ParameterDensity(groups="tensor"), schedule=2)
    fit(monitor, tmp_path, max_steps=8)
    paths = monitor.trajectories
    groups = [n for n in paths if n.startswith("parameters/") and "network" not in n]
    square = sum(paths[name].velocity.square() for name in groups)
    whole = paths["parameters/network_independent"].velocity.square()
    torch.testing.assert_close(whole[1:], square[1:], rtol=1e-5, atol=0)


def test_training_is_unchanged(tmp_path):
    def outcome(callbacks):
        made = fit(callbacks, tmp_path, max_steps=20)
        return digest(made), random_streams()

    assert outcome([]) == outcome([InfoGeometryMonitor(parameters=True, schedule=1)])


def test_a_frozen_layer_stands_still(tmp_path):
    class Frozen(Classifier):
        def __init__(self):
            super().__init__()
            self.net[0].requires_grad_(False)

    monitor = InfoGeometryMonitor(parameters=True, schedule=2)
    fit(monitor, tmp_path, Frozen)
    assert (monitor.trajectories["parameters/net.0"].velocity[1:] == 0).all()
    assert (monitor.trajectories["parameters/net.2"].velocity[1:] > 0).all()


def test_half_precision_weights_are_followed(tmp_path):
    monitor = InfoGeometryMonitor(parameters=True, schedule=2, precision="training")
    fit(monitor, tmp_path, precision="bf16-true")
    assert monitor.trajectories["parameters/network"].length.isfinite().all()


def test_a_resumed_run_continues_bit_by_bit(tmp_path):
    whole, resumed = (InfoGeometryMonitor(parameters=True, schedule=3) for _ in range(2))
    fit([whole, saved(tmp_path, every_n_train_steps=5)], tmp_path, ByStep, max_steps=14, enable_checkpointing=True)
    fit(resumed, tmp_path, ByStep, ckpt_path=tmp_path / "step=5.ckpt", max_steps=14, seed=99)
    same(whole.trajectories, resumed.trajectories)


def test_resuming_with_other_groups_is_refused(tmp_path):
    first = InfoGeometryMonitor(parameters=True)
    fit([first, saved(tmp_path, every_n_train_steps=5)], tmp_path, ByStep, max_steps=6, enable_checkpointing=True)
    other = InfoGeometryMonitor(parameters=ParameterDensity(groups="network"))
    with pytest.raises(ConfigurationError, match=r"InfoGeometryMonitor\(parameters=ParameterDensity\(groups='network'"):
        fit(other, tmp_path, ByStep, ckpt_path=tmp_path / "step=5.ckpt", max_steps=10)


def test_resuming_without_them_is_refused_and_beginning_them_is_not(tmp_path):
    for parameters in (True, False):
        first = InfoGeometryMonitor(parameters=parameters)
        folder = tmp_path / str(parameters)
        fit([first, saved(folder, every_n_train_steps=5)], tmp_path, ByStep, max_steps=6, enable_checkpointing=True)
        other = InfoGeometryMonitor(parameters=not parameters)
        if parameters:
            with pytest.raises(ConfigurationError, match=r"parameters=False.*resume with the same"):
                fit(other, tmp_path, ByStep, ckpt_path=folder / "step=5.ckpt", max_steps=10)
        else:
            fit(other, tmp_path, ByStep, ckpt_path=folder / "step=5.ckpt", max_steps=10)
            assert other.trajectories["val"].steps[0] == 0
            assert other.trajectories["parameters/network"].steps[0] > 5


def test_weights_that_are_not_finite_are_left_out_and_training_goes_on(tmp_path):
    class Spoilt(Classifier):
        def __init__(self):
            super().__init__()
            self.unused = nn.Parameter(torch.zeros(3, 3))

        def on_train_batch_start(self, batch, batch_idx):
            with torch.no_grad():
                self.unused.fill_(torch.nan if self.global_step in (4, 5) else 0.0)

    monitor = InfoGeometryMonitor(parameters=True, schedule=1)
    with pytest.warns(UserWarning, match="weights at step 5 are not all finite"):
        made = fit(monitor, tmp_path, Spoilt)
    network = monitor.trajectories["parameters/network"]
    assert network.length.isnan().nonzero()[:, 0].tolist() == [5, 6]
    assert monitor.trajectories["val"].length.isfinite().all()
    assert made.global_step == 12


def test_markers_watch_the_network_and_no_single_layer(tmp_path):
    monitor = InfoGeometryMonitor(parameters=True)
    fit(monitor, tmp_path, max_steps=400, max_epochs=-1)
    assert {event.probe for event in monitor.events} <= {"train", "val", "parameters/network"}


def test_what_moves_less_than_its_noise_floor_raises_no_event():
    from lightning_infogeo.markers.runner import _only_noise

    assert _only_noise({"velocity": 1.0, "floor": 0.6})
    assert _only_noise({"velocity": float("nan"), "floor": float("nan")})
    assert not _only_noise({"velocity": 1.0, "floor": 0.4})
    assert not _only_noise({"velocity": 1.0})


@pytest.mark.parametrize("value", ["layer", 1, None])
def test_impossible_settings_are_named(value):
    with pytest.raises(ConfigurationError, match=rf"InfoGeometryMonitor\(parameters={value!r}\)"):
        InfoGeometryMonitor(parameters=value)


def test_a_model_without_such_weights_is_refused_before_the_first_step(tmp_path):
    monitor = InfoGeometryMonitor(parameters=ParameterDensity(groups={"head": "no such name"}))
    with pytest.raises(ConfigurationError, match=r"InfoGeometryMonitor\(parameters=\.\.\.\)"):
        fit(monitor, tmp_path)
    assert not monitor.trajectories


def test_the_length_without_the_floor_goes_on_where_it_was(tmp_path):
    """It is not stored: what a checkpoint, also one of before, holds of it are velocities and floors."""
    whole, resumed = (InfoGeometryMonitor(parameters=True, schedule=1) for _ in range(2))
    checkpoints = saved(tmp_path / "c", every_n_train_steps=6)
    first, second = TensorBoardLogger(tmp_path / "a"), TensorBoardLogger(tmp_path / "b")
    fit([whole, checkpoints], tmp_path, ByStep, logger=first, max_steps=12, enable_checkpointing=True)
    fit(resumed, tmp_path, ByStep, logger=second, ckpt_path=tmp_path / "c" / "step=6.ckpt", seed=99, max_steps=12)
    values = []
    for logger in (first, second):
        accumulator = EventAccumulator(logger.log_dir, size_guidance={"scalars": 0})
        accumulator.Reload()
        events = accumulator.Scalars("infogeo/parameters/network/corrected_length")
        values.append({event.step: event.value for event in events})
    assert len(values[1]) >= 5
    assert {step: values[0][step] for step in values[1]} == values[1]
