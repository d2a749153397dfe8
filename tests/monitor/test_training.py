"""Which training is it? One monitor in several fits: it begins anew, goes on or refuses, and never splices two."""

import gzip
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import BatchSizeFinder, LearningRateFinder, ModelCheckpoint
from torch import nn

from lightning_infogeo import ConfigurationError, EmbeddingSettings, InfoGeometryMonitor, Probe, Trajectory
from tests.helpers.classifiers import IMAGES, LABELS, Classifier, fit, train_loader, trainer, val_loader
from tests.helpers.resuming import ByStep, same, saved

pytestmark = [  # Lightning's remarks on what these tests do on purpose
    pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
    pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`"),
]


class Mistaken(Classifier):
    def training_step(self, batch, batch_idx):
        raise RuntimeError("a mistake in the first step")


class Unreadable(Classifier):
    """Fails where the monitor gets ready, before it has recorded anything."""

    def forward(self, x):
        raise RuntimeError("no such layer")


class Half(ByStep):
    """Memoryless, so that a second fit, which makes a new optimizer, goes on as one would."""

    def __init__(self):
        super().__init__(optimizer=torch.optim.SGD, lr=0.1)


def monitor(**options):
    return InfoGeometryMonitor(**{"schedule": 1, "probe_size": 30, **options})


def other_loaders():
    return {"train": train_loader(64), "val": val_loader(40, start=1200)}


@pytest.mark.parametrize("model", [Mistaken, Unreadable])
@pytest.mark.parametrize("others", [dict, other_loaders], ids=["same data", "other data"])
def test_after_a_fit_that_failed_before_its_first_step_another_begins_anew(model, others, tmp_path):
    used, new = monitor(), monitor()
    with pytest.raises((RuntimeError, ConfigurationError), match=r"a mistake|no such layer"):
        fit(used, tmp_path, model)
    fit(used, tmp_path, seed=8, **others())
    fit(new, tmp_path, seed=8, **others())
    same(used.trajectories, new.trajectories)
    assert {n: p.fingerprint for n, p in used.followed.items()} == {n: p.fingerprint for n, p in new.followed.items()}
    for name, trajectory in used.trajectories.items():
        torch.testing.assert_close(trajectory.distances, new.trajectories[name].distances, rtol=0, atol=0)


def test_after_a_fit_that_failed_other_probes_are_found(tmp_path):
    used = monitor()
    with pytest.raises(RuntimeError, match="a mistake"):
        fit(used, tmp_path, Mistaken)
    fit(used, tmp_path, val=False)
    assert list(used.trajectories) == ["train"]


def test_an_archive_begun_by_a_fit_that_failed_is_begun_anew(tmp_path):
    used = monitor(archive=tmp_path / "a.zarr")
    with pytest.raises(RuntimeError, match="a mistake"):
        fit(used, tmp_path, Mistaken)
    fit(used, tmp_path, seed=8, **other_loaders())
    archived = Trajectory.open(tmp_path / "a.zarr")
    assert archived.fingerprint == used.followed["val"].fingerprint
    assert archived.steps.tolist() == used.trajectories["val"].steps.tolist()
    torch.testing.assert_close(archived.length, used.trajectories["val"].length, rtol=0, atol=0)


def test_an_archive_of_another_monitor_is_never_begun_anew(tmp_path):
    with pytest.raises(RuntimeError, match="a mistake"):
        fit(monitor(archive=tmp_path / "a.zarr"), tmp_path, Mistaken)
    with pytest.raises(ConfigurationError, match="already holds a run"):
        fit(monitor(archive=tmp_path / "a.zarr"), tmp_path)


def test_a_learning_rate_finder_before_training_does_not_pass_a_failed_fit_off_as_this_one(tmp_path):
    class Finding(Classifier):
        def train_dataloader(self):
            return train_loader()

    def again(made):
        pl.seed_everything(8, verbose=False)
        finder = LearningRateFinder(num_training_steps=4, update_attr=False)
        trainer([made, finder], tmp_path).fit(Finding(), val_dataloaders=val_loader())
        return made

    used = monitor()
    with pytest.raises(RuntimeError, match="a mistake"):
        fit(used, tmp_path, Mistaken)
    same(again(used).trajectories, again(monitor()).trajectories)


def foreign(tmp_path, steps=8):
    """The path of a checkpoint of another training, made without a monitor."""
    fit([saved(tmp_path / "foreign", every_n_train_steps=steps)], tmp_path, max_steps=steps, enable_checkpointing=True)
    return tmp_path / "foreign" / f"step={steps}.ckpt"


@pytest.mark.parametrize("steps", [4, 8, 12], ids=["earlier", "same step", "later"])
def test_a_checkpoint_of_another_training_is_not_spliced_in(steps, tmp_path):
    path, used = foreign(tmp_path, steps), monitor()
    fit(used, tmp_path, max_steps=8)
    before = used.trajectories["val"].state_dict()["values"]
    with pytest.raises(ConfigurationError, match=r"has recorded .*up to step 8.* [uU]se a new"):
        fit(used, tmp_path, ckpt_path=path, max_steps=16)
    torch.testing.assert_close(used.trajectories["val"].state_dict()["values"], before, equal_nan=True)


def test_nor_is_it_with_the_trainer_and_the_module_of_the_first(tmp_path):
    path, used = foreign(tmp_path), monitor()
    made = fit(used, tmp_path, max_steps=6)
    made.fit_loop.epoch_loop.max_steps = 16
    with pytest.raises(ConfigurationError, match="checkpoint without this monitor's state"):
        made.fit(made.lightning_module, train_loader(), val_loader(), ckpt_path=path)


def test_another_module_in_the_same_trainer_is_another_training(tmp_path):
    used = monitor()
    made = fit(used, tmp_path, max_steps=6)  # whose count of steps goes on
    made.fit_loop.epoch_loop.max_steps = 12
    with pytest.raises(ConfigurationError, match="nothing shows that this one, at step 6, continues it"):
        made.fit(Classifier(), train_loader(), val_loader())


def test_of_another_trainings_checkpoint_with_its_own_state_the_path_is_taken_and_told(tmp_path):
    first, used = monitor(), monitor()
    fit([first, saved(tmp_path / "c", every_n_train_steps=8)], tmp_path, ByStep, max_steps=8, enable_checkpointing=True)
    fit(used, tmp_path, ByStep, seed=9, max_steps=6)
    with pytest.warns(UserWarning, match="of another training than the one recorded so far, up to step 6"):
        fit(used, tmp_path, ByStep, ckpt_path=tmp_path / "c" / "step=8.ckpt", max_steps=12)
    whole = monitor()
    fit(whole, tmp_path, ByStep, max_steps=12)
    same(whole.trajectories, used.trajectories)


def test_going_back_to_an_older_checkpoint_with_the_same_monitor(tmp_path):
    whole, used = monitor(), monitor()
    fit(whole, tmp_path, ByStep, max_steps=14)
    checkpoints = saved(tmp_path / "c", every_n_train_steps=4)
    fit([used, checkpoints], tmp_path, ByStep, max_steps=10, enable_checkpointing=True)
    fit(used, tmp_path, ByStep, seed=99, ckpt_path=tmp_path / "c" / "step=4.ckpt", max_steps=14)
    same(whole.trajectories, used.trajectories)


def test_a_fit_interrupted_between_two_records_goes_on(tmp_path):
    class Once(pl.Callback):
        done = False

        def on_train_batch_end(self, trainer, *args):
            if trainer.global_step == 7 and not self.done:
                self.done = True
                raise RuntimeError("once")

    whole, used = monitor(schedule=3), monitor(schedule=3)
    fit(whole, tmp_path, Half, max_steps=12)
    pl.seed_everything(7, verbose=False)
    model, made = Half(), trainer([used, Once()], tmp_path)
    with pytest.raises(RuntimeError, match="once"):
        made.fit(model, train_loader(), val_loader())
    made.fit(model, train_loader(), val_loader())
    assert used.trajectories["val"].steps.tolist() == [0, 3, 6, 9, 12]
    torch.testing.assert_close(used.trajectories["val"].length, whole.trajectories["val"].length, rtol=0, atol=0)


def test_a_further_fit_says_that_other_data_is_not_followed(tmp_path):
    used = monitor()
    made = fit(used, tmp_path, max_steps=6)
    made.fit_loop.epoch_loop.max_steps = 12
    followed = used.followed["val"].fingerprint
    with pytest.warns(UserWarning, match="other samples for probe 'val' than the training's first fit"):
        made.fit(made.lightning_module, train_loader(), val_loader(40, start=1200))
    assert used.followed["val"].fingerprint == followed
    assert used.trajectories["val"].steps[-1] == 12


def test_evaluating_a_checkpoint_leaves_what_was_recorded_alone(tmp_path):
    used = monitor()
    checkpoints = saved(tmp_path / "c", every_n_train_steps=4)
    made = fit([used, checkpoints], tmp_path, max_steps=10, enable_checkpointing=True)
    made.validate(made.lightning_module, val_loader(), ckpt_path=tmp_path / "c" / "step=4.ckpt", verbose=False)
    assert used.trajectories["val"].steps[-1] == 10


class Again(LearningRateFinder):
    """Lightning's own recipe for later epochs."""

    def on_fit_start(self, *args):
        pass

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch in (1, 2):
            self.lr_find(trainer, pl_module)


class AgainBatches(BatchSizeFinder):
    def on_fit_start(self, *args):
        pass

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == 1:
            self.scale_batch_size(trainer, pl_module)


class RollBack(pl.Callback):
    """Goes back to an earlier checkpoint in the middle of the fit, as after a spike of the loss."""

    def __init__(self, path, at=10):
        self.path, self.at = path, at

    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step == self.at and self.at:
            self.at = 0
            trainer._checkpoint_connector.restore(self.path)
            trainer.fit_loop.restarting = trainer.fit_loop.epoch_loop.restarting = False


class FromTheModule(ByStep):
    batch_size = 16

    def train_dataloader(self):
        return train_loader(batch_size=self.batch_size)


def test_what_a_learning_rate_finder_restores_in_mid_fit_is_there_at_once(tmp_path):
    whole, used = monitor(archive=tmp_path / "whole.zarr"), monitor(archive=tmp_path / "a.zarr")
    path, options = tmp_path / "x.ckpt", {"max_steps": -1, "max_epochs": 4}  # by steps alone the finder finds no end
    fit(whole, tmp_path, ByStep, **options)
    made = fit([used, Again(num_training_steps=5, update_attr=False)], tmp_path, ByStep, **options)
    made.save_checkpoint(path)
    same(whole.trajectories, used.trajectories)
    held = torch.load(path, weights_only=True)["callbacks"][used.state_key]["recorder"]
    assert held["made"] == len(used.trajectories["val"])
    assert Trajectory.open(tmp_path / "a.zarr").steps.tolist() == whole.trajectories["val"].steps.tolist()
    expected = whole.trajectories["val"].history
    assert all(torch.equal(a, b) for a, b in zip(used.trajectories["val"].history, expected, strict=True))


def test_so_is_what_a_batch_size_finder_restores(tmp_path):
    whole, used = monitor(), monitor()
    fit(whole, tmp_path, ByStep, max_steps=6)
    pl.seed_everything(7, verbose=False)
    finder = AgainBatches(max_trials=1, steps_per_trial=1, init_val=16)
    made = trainer([used, finder], tmp_path, max_steps=-1, max_epochs=3)
    made.fit(FromTheModule(), val_dataloaders=val_loader())
    assert made.global_step == 6  # Lightning's own training ends with the finder
    same(whole.trajectories, used.trajectories)
    assert used.state_dict()["recorder"]["made"] == 7
    assert used.trajectories["val"].history.steps.tolist() == list(range(7))


ROLLED_BACK = {
    "plain": {},
    "lag 3": {"lag": 3, "schedule": 2},
    "weights": {"parameters": True},
    "neurons": {"neurons": True},
    "few records": {"embedding": EmbeddingSettings(max_records=8)},
}


@pytest.mark.parametrize("kind", ROLLED_BACK)
def test_a_rollback_goes_on_from_the_checkpoint(kind, tmp_path):
    whole = monitor(archive=tmp_path / "whole.zarr", **ROLLED_BACK[kind])
    used = monitor(archive=tmp_path / "a.zarr", **ROLLED_BACK[kind])
    fit(whole, tmp_path, Half, max_steps=24)
    callbacks = [used, RollBack(tmp_path / "c" / "step=4.ckpt"), saved(tmp_path / "c", every_n_train_steps=4)]
    fit(callbacks, tmp_path, Half, max_steps=24, enable_checkpointing=True)
    same(whole.trajectories, used.trajectories)
    expected, got = Trajectory.open(tmp_path / "whole.zarr"), Trajectory.open(tmp_path / "a.zarr")
    assert got.steps.tolist() == expected.steps.tolist()
    torch.testing.assert_close(got.length, expected.length, rtol=0, atol=0)
    assert torch.equal(used.trajectories["val"].distances, whole.trajectories["val"].distances)
    for layer, (steps, vectors) in whole.neuron_trajectories.items():
        assert torch.equal(used.neuron_trajectories[layer].steps, steps)
        assert torch.equal(used.neuron_trajectories[layer].vectors, vectors)


@pytest.mark.parametrize("strict", [False, True])
def test_a_rollback_to_a_checkpoint_of_another_training_ends_the_path(strict, tmp_path):
    path, used = foreign(tmp_path, 4), monitor(strict=strict)
    callbacks = [used, RollBack(path)]
    message = "without this monitor's state was restored in the middle of the fit"
    if strict:
        with pytest.raises(ConfigurationError, match=message):
            fit(callbacks, tmp_path, max_steps=16)
        return
    with pytest.warns(UserWarning, match=message):
        made = fit(callbacks, tmp_path, max_steps=16)
    assert used.trajectories["val"].steps[-1] == 10
    made.save_checkpoint(tmp_path / "x.ckpt")
    assert used.state_key not in torch.load(tmp_path / "x.ckpt")["callbacks"]
    made.fit_loop.epoch_loop.max_steps = 20
    with pytest.raises(ConfigurationError, match="nothing shows"):
        made.fit(made.lightning_module, train_loader(), val_loader())


def test_a_checkpoint_of_the_version_before_resumes(tmp_path):
    whole, resumed = monitor(parameters=True), monitor(parameters=True)
    checkpoints = saved(tmp_path / "c", every_n_train_steps=6)
    fit([whole, checkpoints], tmp_path, ByStep, max_steps=12, enable_checkpointing=True)
    path = tmp_path / "c" / "step=6.ckpt"
    checkpoint = torch.load(path)
    state = checkpoint["callbacks"][whole.state_key]
    for holder, name in ((state, "run"), (state, "steps"), (state["watch"], "samples")):
        del holder[name]
    del state["recorder"]["weights"]["groups"]
    torch.save(checkpoint, path)
    fit(resumed, tmp_path, ByStep, ckpt_path=path, seed=99, max_steps=12)
    same(whole.trajectories, resumed.trajectories)


def test_a_checkpoint_made_before_records_had_a_layout_resumes(tmp_path):
    """Made by that commit at step 9, of the same training as here; on another machine its last digits differ."""
    saved_then = Path(__file__).parents[1] / "helpers" / "before_records_by_name.ckpt.gz"
    path = tmp_path / "before.ckpt"
    path.write_bytes(gzip.decompress(saved_then.read_bytes()))
    probes = {"train": Probe(IMAGES[:10], LABELS[:10]), "val": Probe(IMAGES[100:110], LABELS[100:110])}
    settings = EmbeddingSettings(max_records=8, share=1.0)
    options = {"schedule": 1, "parameters": True, "neurons": ["net.2"], "embedding": settings}
    whole, resumed = (InfoGeometryMonitor(given, **options) for given in (probes, dict(reversed(probes.items()))))
    fit(whole, tmp_path, ByStep, max_steps=20)
    fit(resumed, tmp_path, ByStep, ckpt_path=path, seed=99, max_steps=20)
    assert list(resumed.trajectories) == list(whole.trajectories)
    for name, trajectory in whole.trajectories.items():
        assert resumed.trajectories[name].steps.tolist() == list(range(21))
        for quantity in trajectory.quantities:
            a, b = (getattr(each.trajectories[name], quantity) for each in (whole, resumed))
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5, equal_nan=True)
        if trajectory.kept:
            assert resumed.trajectories[name].history.steps.tolist() == trajectory.history.steps.tolist()
    assert [event[:4] for event in resumed.events] == [event[:4] for event in whole.events]
    assert resumed.neuron_trajectories["net.2"].steps.tolist() == list(range(21))


def test_the_samples_of_a_checkpoint_read_alone_have_verdicts(tmp_path):
    made, read = monitor(), monitor()
    checkpoints = ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=6)
    fit([made, checkpoints], tmp_path, max_steps=6, enable_checkpointing=True)
    read.load_state_dict(torch.load(tmp_path / "step=6.ckpt")["callbacks"][made.state_key])
    assert read.verdicts == made.verdicts != {}


def test_probes_of_equal_labels_and_other_inputs_are_told_apart(tmp_path):
    first = Probe(IMAGES[:30], LABELS[:30])
    used = InfoGeometryMonitor(first, schedule=1)
    with pytest.raises(RuntimeError, match="a mistake"):
        fit(used, tmp_path, Mistaken)
    used.probes = Probe(IMAGES[:30] * 2, LABELS[:30])
    fit(used, tmp_path, lambda: Classifier(nn.Linear(64, 10)))
    assert used.followed["probe"].fingerprint == used.probes.fingerprint
