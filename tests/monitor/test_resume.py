"""A resumed run goes on as if it had never been interrupted: same steps, same values, bit by bit."""

import lightning.pytorch as pl
import pytest
import torch

from lightning_infogeo import (
    AtSteps,
    ConfigurationError,
    EveryNEpochs,
    InfoGeometryMonitor,
    OverfittingOnset,
    Probe,
)
from tests.helpers.classifiers import IMAGES, LABELS, Augmented, TwoOptimizers, fit, noisy_net, train_loader, val_loader
from tests.helpers.markers import At, mislabelled
from tests.helpers.resuming import REMARKS_ON_RESUMING, ByStep, Interrupt, same, saved

pytestmark = REMARKS_ON_RESUMING


class TwoByStep(TwoOptimizers):
    def training_step(self, batch, batch_idx):
        start = 13 * self.global_step % 500
        return super().training_step((IMAGES[start : start + 16], LABELS[start : start + 16]), batch_idx)


SCHEDULES = {
    "log": ("log", 1),
    "every": (4, 1),
    "lag 3": (7, 3),
    "dense": (1, 4),
    "chord": (5, 0),
    "epochs": (EveryNEpochs(1), 1),
    "at": (AtSteps([15, 16, 24]), 2),
}


@pytest.mark.parametrize("at", [6, 9, 12, 14, 15, 18])  # epochs have 6 steps
@pytest.mark.parametrize("kind", SCHEDULES)
def test_resuming_continues_the_curves(kind, at, tmp_path):
    schedule, lag = SCHEDULES[kind]
    options = {"max_steps": 27, "enable_checkpointing": True}
    whole = InfoGeometryMonitor(schedule=schedule, lag=lag, probe_size=30)
    fit([whole, saved(tmp_path, every_n_train_steps=1)], tmp_path, ByStep, **options)
    resumed = InfoGeometryMonitor(schedule=schedule, lag=lag, probe_size=30)
    fit(resumed, tmp_path, ByStep, ckpt_path=tmp_path / f"step={at}.ckpt", seed=99, max_steps=27)
    same(whole.trajectories, resumed.trajectories)


@pytest.mark.parametrize("at", [7, 10])
def test_resuming_after_an_interruption_in_the_middle_of_an_epoch(at, tmp_path):
    whole, interrupted, resumed = (InfoGeometryMonitor(schedule=3, probe_size=30) for _ in range(3))
    fit(whole, tmp_path, ByStep, max_steps=20)
    with pytest.raises(SystemExit):
        fit(
            [interrupted, Interrupt(at + 2), saved(tmp_path, every_n_train_steps=at)],
            tmp_path,
            ByStep,
            max_steps=20,
            enable_checkpointing=True,
        )
    assert interrupted.trajectories["val"].steps[-1] == (at + 2) // 3 * 3
    fit(resumed, tmp_path, ByStep, ckpt_path=tmp_path / f"step={at}.ckpt", seed=99, max_steps=20)
    same(whole.trajectories, resumed.trajectories)


def test_resuming_from_the_end_of_an_epoch(tmp_path):
    whole, first, second = (InfoGeometryMonitor(schedule=5, probe_size=30) for _ in range(3))
    fit(whole, tmp_path, ByStep, max_steps=30)
    checkpoint = saved(tmp_path, every_n_epochs=1, save_on_train_epoch_end=True)
    fit([first, checkpoint], tmp_path, ByStep, max_steps=22, enable_checkpointing=True)
    fit(second, tmp_path, ByStep, ckpt_path=tmp_path / "step=18.ckpt", seed=99, max_steps=30)
    same(whole.trajectories, second.trajectories)


def test_resuming_with_two_optimizers_dropout_and_augmented_data(tmp_path):
    class Model(TwoByStep):
        def __init__(self):
            super().__init__()
            self.net = noisy_net()

        def configure_optimizers(self):
            return [torch.optim.SGD(self.net[k].parameters(), lr=0.05) for k in (0, 4)]

        def training_step(self, batch, batch_idx):
            torch.manual_seed(self.global_step)  # Lightning restores no random stream: dropout has to follow the step
            return super().training_step(batch, batch_idx)

    whole, resumed = (InfoGeometryMonitor(schedule=5, probe_size=30) for _ in range(2))
    train = torch.utils.data.DataLoader(Augmented(), batch_size=16, shuffle=True)
    options = {"train": train, "max_steps": 30}
    fit([whole, saved(tmp_path, every_n_train_steps=2)], tmp_path, Model, enable_checkpointing=True, **options)
    fit(resumed, tmp_path, Model, ckpt_path=tmp_path / "step=14.ckpt", seed=99, **options)
    same(whole.trajectories, resumed.trajectories)


def test_the_checkpoint_holds_tensors_and_plain_values_only(tmp_path):
    fit(
        [InfoGeometryMonitor(), saved(tmp_path, every_n_train_steps=5)],
        tmp_path,
        max_steps=5,
        enable_checkpointing=True,
    )
    loaded = torch.load(tmp_path / "step=5.ckpt", weights_only=True)
    state = loaded["callbacks"]["InfoGeometryMonitor[infogeo]"]
    assert state["trajectories"]["val"]["steps"].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_second_fit_goes_on(tmp_path):
    whole, twice = (InfoGeometryMonitor(schedule=4, probe_size=30) for _ in range(2))
    memoryless = lambda: ByStep(optimizer=torch.optim.SGD)  # noqa: E731 — a second fit makes a new optimizer
    made = fit(twice, tmp_path, memoryless, max_steps=12)
    made.fit_loop.epoch_loop.max_steps = 24
    made.fit(made.lightning_module, train_loader(), val_loader())
    fit(whole, tmp_path, memoryless, max_steps=24)
    same(whole.trajectories, twice.trajectories)


def resumed_with(monitor, tmp_path, **options):
    first = InfoGeometryMonitor(probe_size=30, budget=None)
    fit([first, saved(tmp_path, every_n_train_steps=6)], tmp_path, ByStep, max_steps=6, enable_checkpointing=True)
    return fit(monitor, tmp_path, ByStep, ckpt_path=tmp_path / "step=6.ckpt", max_steps=9, **options)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"probe_size": 29}, "probe 'train' is not the one in the checkpoint"),
        ({"probes": Probe(IMAGES[:30], LABELS[:30])}, "'probe' is not the one in the checkpoint .there: none"),
        ({"probes": {"train": Probe(IMAGES[:30])}}, "probe 'train' is not"),
    ],
)
def test_resuming_with_another_probe_is_an_error(other, message, tmp_path):
    with pytest.raises(ConfigurationError, match=message):
        resumed_with(InfoGeometryMonitor(**other), tmp_path)


def test_resuming_with_other_labels_is_an_error(tmp_path):
    probe = Probe(IMAGES[:30], LABELS[:30])
    first = InfoGeometryMonitor(probe)
    fit([first, saved(tmp_path, every_n_train_steps=6)], tmp_path, max_steps=6, enable_checkpointing=True)
    other = InfoGeometryMonitor(Probe(IMAGES[:30], LABELS[:30].flip(0)))
    with pytest.raises(ConfigurationError, match="is not the one in the checkpoint"):
        fit(other, tmp_path, ckpt_path=tmp_path / "step=6.ckpt", max_steps=9)


def test_resuming_on_another_schedule_warns_that_lengths_do_not_compare(tmp_path):
    with pytest.warns(UserWarning, match="goes on with a trajectory recorded on LogSpaced"):
        resumed_with(InfoGeometryMonitor(schedule=2, probe_size=30), tmp_path)


@pytest.mark.parametrize(("argument", "value"), [("lag", 3), ("precision", "training")])
def test_resuming_with_another_definition_of_a_quantity_is_an_error(argument, value, tmp_path):
    with pytest.raises(ConfigurationError, match=rf"InfoGeometryMonitor\({argument}=.*was recorded with {argument}="):
        resumed_with(InfoGeometryMonitor(probe_size=30, **{argument: value}), tmp_path)


def test_callback_metrics_are_there_from_the_first_step_of_a_resumed_run_and_of_a_second_fit(tmp_path):
    class First(pl.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            self.metrics = getattr(self, "metrics", dict(trainer.callback_metrics))

    for again in ("resume", "second fit"):
        first, monitor = First(), InfoGeometryMonitor(probe_size=30)
        if again == "resume":
            resumed_with([monitor, first], tmp_path)
        else:
            made = fit([monitor], tmp_path, max_steps=6)
            made.fit_loop.epoch_loop.max_steps = 9
            made.callbacks.append(first)
            made.fit(made.lightning_module, train_loader())
        for key in ("length", "velocity", "distance_to_truth"):
            expected = getattr(monitor.trajectories["val"], key)[6].item()
            assert first.metrics[f"infogeo/val/{key}"].item() == pytest.approx(expected)


def test_the_end_of_a_second_fit_is_foreseen(tmp_path):
    monitor = InfoGeometryMonitor(schedule=1000)
    made = fit(monitor, tmp_path, max_steps=5, train=train_loader(500))
    made.fit_loop.epoch_loop.max_steps = 9
    made.fit(made.lightning_module, train_loader(500))
    assert monitor.trajectories["train"].steps.tolist() == [0, 5, 9]
    assert monitor.trajectories["train"].velocity.isnan().tolist() == [True, False, False]


def test_a_monitor_added_on_resume_starts_there(tmp_path):
    fit([saved(tmp_path, every_n_train_steps=6)], tmp_path, ByStep, max_steps=6, enable_checkpointing=True)
    monitor = InfoGeometryMonitor(schedule=2)
    fit(monitor, tmp_path, ByStep, ckpt_path=tmp_path / "step=6.ckpt", max_steps=10)
    trajectory = monitor.trajectories["val"]
    assert trajectory.steps.tolist() == [6, 8, 10]
    assert (trajectory.length[0], trajectory.straightness[0]) == (0, 1)


def test_what_was_recorded_can_be_read_from_a_checkpoint_alone(tmp_path):
    monitor, read = InfoGeometryMonitor(), InfoGeometryMonitor()
    fit([monitor, saved(tmp_path, every_n_train_steps=6)], tmp_path, max_steps=6, enable_checkpointing=True)
    read.load_state_dict(torch.load(tmp_path / "step=6.ckpt")["callbacks"][monitor.state_key])
    same(monitor.trajectories, read.trajectories)


def test_a_second_fit_watches_with_the_markers_there_are_then(tmp_path):
    monitor = InfoGeometryMonitor(schedule=1, probe_size=32, markers=[At(2, name="first")])
    trainer = fit(monitor, tmp_path, max_steps=4)
    monitor.markers = [At(6, name="second"), OverfittingOnset()]
    trainer.fit_loop.epoch_loop.max_steps = 8
    trainer.fit(trainer.lightning_module, train_loader(), val_loader())
    assert {(event.name, event.detected_at) for event in monitor.events} == {("first", 2), ("second", 6)}
    assert set(monitor.verdicts) == {"val"}


class Keyed(InfoGeometryMonitor):
    def __init__(self, label, **options):
        super().__init__(**options)
        self.label = label

    @property
    def state_key(self):
        return f"Keyed[{self.label}]"


@pytest.mark.parametrize("earlier", [False, True])
def test_a_flag_comes_when_it_would_have_come_also_from_a_checkpoint_before_version_0_2(earlier, tmp_path):
    """Before, what markers of samples had seen was saved with the recorder."""
    options = {"train": mislabelled(), "val": val_loader(400), "max_steps": 120, "max_epochs": -1}
    whole, resumed = (InfoGeometryMonitor(schedule=2, budget=None) for _ in range(2))
    saving = saved(tmp_path, every_n_train_steps=60)
    fit([whole, saving], tmp_path, enable_checkpointing=True, **options)
    (flag,) = (event for event in whole.events if event.name == "overfitting")
    assert flag.detected_at > 60
    path = tmp_path / "step=60.ckpt"
    if earlier:
        checkpoint = torch.load(path, weights_only=True)
        state = checkpoint["callbacks"][whole.state_key]
        (moved,) = (of for of in state["watch"]["states"] if of[:2] == ["overfitting", "val"])
        state["watch"]["states"].remove(moved)
        state["recorder"]["markers"] = {"val": {"overfitting": moved[2]}}
        torch.save(checkpoint, path)
    fit(resumed, tmp_path, ckpt_path=path, seed=99, **options)
    assert resumed.events == whole.events
    assert resumed.verdicts == whole.verdicts


class OnDevice(OverfittingOnset):
    """Runs beside the record, since it has an ``extend`` of its own."""

    def extend(self, state, step, observation, trained=None):
        return super().extend(state, step, observation, trained)


@pytest.mark.parametrize("kinds", [(OverfittingOnset, OnDevice), (OnDevice, OverfittingOnset)])
@pytest.mark.parametrize("how", ["resumed", "second fit"])
def test_a_class_of_the_same_name_goes_on_wherever_either_runs(how, kinds, tmp_path):
    def pair():
        return [InfoGeometryMonitor(schedule=2, budget=None, markers=[kinds[0]()], prefix=name) for name in "ab"]

    same_class, other_class = pair()
    options = {"train": mislabelled(), "val": val_loader(400), "max_epochs": -1}
    saving = saved(tmp_path, every_n_train_steps=60)
    trainer = fit([same_class, other_class, saving], tmp_path, max_steps=60, enable_checkpointing=True, **options)
    if how == "resumed":
        same_class, other_class = pair()
    other_class.markers = [kinds[1]()]
    if how == "resumed":
        path = tmp_path / "step=60.ckpt"
        fit([same_class, other_class], tmp_path, ckpt_path=path, seed=99, max_steps=100, **options)
    else:
        trainer.fit_loop.epoch_loop.max_steps = 100
        trainer.fit(trainer.lightning_module, options["train"], options["val"])
    (event,) = same_class.events
    assert event.step <= 60 < event.detected_at
    assert other_class.events == same_class.events
    assert other_class.verdicts == same_class.verdicts


def test_a_state_of_another_version_begins_anew_in_double_precision_too(tmp_path, capsys, lines_are_written):
    options = {"precision": "64-true", "max_steps": 12, "enable_checkpointing": True}
    first, resumed = (InfoGeometryMonitor(schedule=1, markers=[OverfittingOnset()], strict=True) for _ in range(2))
    fit([first, saved(tmp_path, every_n_train_steps=6)], tmp_path, **options)
    path = tmp_path / "step=6.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    ((_, _, fields),) = checkpoint["callbacks"][first.state_key]["watch"]["states"]
    del fields["rise"]
    torch.save(checkpoint, path)
    capsys.readouterr()
    fit(resumed, tmp_path, ckpt_path=path, seed=99, **options)
    assert capsys.readouterr().err.count("overfitting begins anew here") == 1
    ((_, _, fields),) = resumed.state_dict()["watch"]["states"]
    assert fields["noise"]["records"] == 6
    assert fields["level"].dtype == torch.float64


def test_the_key_in_checkpoints_may_depend_on_attributes_of_a_subclass(tmp_path):
    monitor = Keyed("mine", schedule=2, probe_size=32)
    trainer = fit(monitor, tmp_path)
    trainer.save_checkpoint(tmp_path / "keyed.ckpt")
    assert "Keyed[mine]" in torch.load(tmp_path / "keyed.ckpt", weights_only=True)["callbacks"]


@pytest.mark.parametrize("damage", [{"neurons": {"shown": "x"}}, {"album": {"drawn": 3, "places": {"val": 7}}}])
def test_a_damaged_state_leaves_the_archive_to_others(damage, tmp_path):
    def monitor():
        return InfoGeometryMonitor(schedule=2, probe_size=32, archive=tmp_path / "run.zarr")

    trainer = fit(monitor(), tmp_path, max_steps=4)
    trainer.save_checkpoint(tmp_path / "good.ckpt")
    content = torch.load(tmp_path / "good.ckpt", weights_only=True)
    content["callbacks"]["InfoGeometryMonitor[infogeo]"].update(damage)
    torch.save(content, tmp_path / "bad.ckpt")
    with pytest.raises(ConfigurationError, match="damaged"):
        fit(monitor(), tmp_path, max_steps=8, ckpt_path=tmp_path / "bad.ckpt")
    fit(monitor(), tmp_path, max_steps=8, ckpt_path=tmp_path / "good.ckpt")
