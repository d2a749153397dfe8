"""Optimizer steps that Lightning does not count: counted by the monitor, or told of where nobody can."""

import copy
import pickle

import lightning.pytorch as pl
import pytest
import torch
from torch import nn
from torch.optim import optimizer as torch_optimizer

from lightning_infogeo import InfoGeometryMonitor
from tests.helpers.classifiers import IMAGES, LABELS, Classifier, digest, fit, train_loader, val_loader
from tests.helpers.resuming import same, saved

pytestmark = [
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
    pytest.mark.filterwarnings("ignore:Using ModelCheckpoint with manual optimization"),
]


class Manual(Classifier):
    """The batch is a function of the batches so far, so that a resumed training is the uninterrupted one."""

    def __init__(self):
        super().__init__(optimizer=torch.optim.SGD, lr=0.1)
        self.automatic_optimization = False
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def loss(self):
        start = 13 * int(self.batches) % 500
        return nn.functional.cross_entropy(self(IMAGES[start : start + 16]), LABELS[start : start + 16])

    def training_step(self, batch, batch_idx):
        self.step(batch_idx)
        self.batches += 1

    def descend(self, optimizer):
        optimizer.zero_grad()
        self.manual_backward(self.loss())
        optimizer.step()


class Wrapped(Manual):
    def step(self, batch_idx):
        self.descend(self.optimizers())


class Raw(Manual):
    def step(self, batch_idx):
        self.descend(self.optimizers(use_pl_optimizer=False))


class MadeByHand(Manual):
    """An optimizer that Lightning never sees."""

    def __init__(self):
        super().__init__()
        self.own = torch.optim.SGD(self.parameters(), lr=0.1)

    def step(self, batch_idx):
        self.descend(self.own)

    def configure_optimizers(self):
        return []


class TwoSteps(torch.optim.Optimizer):
    """Goes uphill and, with the gradients found there, downhill from where it was: two calls, neither named step."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})
        self.inner = torch.optim.SGD(self.param_groups, lr=lr)

    @torch.no_grad()
    def first_step(self):
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["up"] = 0.01 * p.grad
                p.add_(self.state[p]["up"])

    @torch.no_grad()
    def second_step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(self.state[p]["up"])
        self.inner.step()

    def step(self, closure=None):
        self.first_step()
        with torch.enable_grad():
            closure()
        self.second_step()


class Sharp(Manual):
    def __init__(self):
        super().__init__()
        self.optimizer = TwoSteps

    def step(self, batch_idx):
        optimizer = self.optimizers()
        for go in (optimizer.first_step, optimizer.second_step):
            optimizer.zero_grad()
            self.manual_backward(self.loss())
            go()


class SharpRaw(Sharp):
    """The same by a closure: a step within a step is one."""

    def step(self, batch_idx):
        optimizer = self.optimizers(use_pl_optimizer=False)

        def closure():
            optimizer.zero_grad()
            self.manual_backward(self.loss())

        closure()
        optimizer.step(closure)


class Seldom(Manual):
    """Many batches a step: a step that stands still for good reason."""

    def step(self, batch_idx):
        optimizer = self.optimizers(use_pl_optimizer=False)
        self.manual_backward(self.loss())
        if int(self.batches) % 16 == 15:
            optimizer.step()
            optimizer.zero_grad()


class ByHand(Manual):
    def step(self, batch_idx):
        self.zero_grad()
        self.manual_backward(self.loss())
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.data -= 0.1 * parameter.grad


class Frozen(Manual):
    def step(self, batch_idx):
        self.loss()


def watched(model, tmp_path, **options):
    monitor = InfoGeometryMonitor(schedule=options.pop("schedule", 1), probe_size=30, parameters=True)
    defaults = {"max_steps": -1, "max_epochs": 4}  # of 6 batches
    return monitor, fit(options.pop("callbacks", lambda m: m)(monitor), tmp_path, model, **{**defaults, **options})


@pytest.mark.parametrize("model", [Raw, MadeByHand])
def test_steps_past_lightning_give_the_curves_of_steps_that_it_counts(model, tmp_path):
    counted, _ = watched(Wrapped, tmp_path)
    own, trained = watched(model, tmp_path)
    assert trained.global_step == 0
    assert own.trajectories["val"].steps.tolist() == list(range(25))
    same(counted.trajectories, own.trajectories)
    length = own.trajectories["val"].length[-1].item()
    assert trained.callback_metrics["infogeo/val/length"].item() == pytest.approx(length)


@pytest.mark.parametrize("model", [Sharp, SharpRaw])
def test_an_optimizer_inside_another_counts_once_a_step(model, tmp_path):
    monitor, trained = watched(model, tmp_path, schedule=3)
    assert trained.global_step == 0
    assert monitor.trajectories["val"].steps.tolist() == [0, 3, 6, 9, 12, 15, 18, 21, 24]
    assert (monitor.trajectories["val"].velocity[1:] > 0).all()


def test_no_optimizer_of_another_model_counts(tmp_path):
    class Teacher(Raw):
        def __init__(self):
            super().__init__()
            self.other = [nn.Linear(3, 3)]  # a list hides it: it is no part of this model
            self.stepping = torch.optim.SGD(self.other[0].parameters(), lr=0.1)

        def step(self, batch_idx):
            self.stepping.step()
            super().step(batch_idx)

    monitor, _ = watched(Teacher, tmp_path)
    assert monitor.trajectories["val"].steps.tolist() == list(range(25))


@pytest.mark.parametrize("at", [3, 12])
def test_a_resumed_training_goes_on_from_the_monitors_own_count(at, tmp_path):
    class Keep(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, *args):
            if int(pl_module.batches) == at:
                trainer.save_checkpoint(tmp_path / "x.ckpt")

    options = {"max_epochs": 4}
    whole, _ = watched(Raw, tmp_path, schedule=2, callbacks=lambda m: [m, Keep()], **options)
    resumed, _ = watched(Raw, tmp_path, schedule=2, ckpt_path=tmp_path / "x.ckpt", seed=99, **options)
    steps = resumed.trajectories["val"].steps
    assert steps.tolist()[: at // 2 + 2] == whole.trajectories["val"].steps.tolist()[: at // 2 + 2]
    shared = [step for step in whole.trajectories["val"].steps.tolist() if step in steps.tolist()]
    for name, trajectory in whole.trajectories.items():
        other = resumed.trajectories[name]
        rows = [t.length[[t.steps.tolist().index(step) for step in shared]] for t in (trajectory, other)]
        torch.testing.assert_close(*rows, rtol=0, atol=0)


def test_a_second_fit_goes_on_from_the_monitors_own_count(tmp_path):
    whole, _ = watched(Raw, tmp_path)
    twice, trained = watched(Raw, tmp_path, max_epochs=2)
    trained.fit_loop.max_epochs = 4
    trained.fit(trained.lightning_module, train_loader(), val_loader())
    same(whole.trajectories, twice.trajectories)


@pytest.mark.parametrize("model", [Raw, Sharp, MadeByHand])
def test_counting_leaves_no_trace(model, tmp_path):
    hooks = [dict(torch_optimizer._global_optimizer_pre_hooks), dict(torch_optimizer._global_optimizer_post_hooks)]
    without = fit([], tmp_path, model, max_steps=-1, max_epochs=3)
    _, trained = watched(model, tmp_path, max_epochs=3)
    assert digest(trained) == digest(without)
    now = [dict(torch_optimizer._global_optimizer_pre_hooks), dict(torch_optimizer._global_optimizer_post_hooks)]
    assert now == hooks


def test_nor_does_it_after_an_exception(tmp_path):
    class Failing(Raw):
        def step(self, batch_idx):
            if int(self.batches) == 5:
                raise RuntimeError("a mistake")
            super().step(batch_idx)

    with pytest.raises(RuntimeError, match="a mistake"):
        watched(Failing, tmp_path)
    assert not torch_optimizer._global_optimizer_post_hooks


def test_a_monitor_that_counts_can_be_copied(tmp_path):
    class Copies(pl.Callback):
        def on_train_batch_end(self, trainer, *args):
            if trainer.fit_loop.epoch_loop.batch_idx == 3:
                self.made = [copy.deepcopy(trainer.callbacks[0]), pickle.loads(pickle.dumps(trainer.callbacks[0]))]

    copies = Copies()
    watched(Raw, tmp_path, callbacks=lambda m: [m, copies], max_epochs=1)
    assert all(len(made.trajectories["val"]) == 5 for made in copies.made)


def test_weights_moved_by_nothing_that_can_be_counted_are_told_of_once(tmp_path):
    with pytest.warns(UserWarning, match=r"weights of `ByHand` have changed in 10 batches.*`step\(\)`") as warned:
        monitor, _ = watched(ByHand, tmp_path)
    assert len([w for w in warned if "have changed" in str(w.message)]) == 1
    assert monitor.trajectories["val"].steps.tolist() == [0]


@pytest.mark.parametrize("model", [Seldom, Frozen])
def test_a_step_that_stands_still_for_good_reason_is_not_told_of(model, tmp_path):
    monitor, _ = watched(model, tmp_path, max_epochs=6)  # warnings are errors
    assert monitor.trajectories["val"].steps.tolist() == {Seldom: [0, 1, 2], Frozen: [0]}[model]


def test_nor_is_one_under_accumulation(tmp_path):
    monitor, _ = watched(Classifier, tmp_path, accumulate_grad_batches=24)
    assert monitor.trajectories["val"].steps[-1] == 4


def test_counts_are_never_mixed(tmp_path):
    class Mixed(Raw):
        """Lightning counts from the fourth batch on, the monitor has from the first."""

        def step(self, batch_idx):
            self.descend(self.optimizers(use_pl_optimizer=int(self.batches) >= 3))

    monitor, trained = watched(Mixed, tmp_path)
    assert trained.global_step == 21
    assert monitor.trajectories["val"].steps.tolist() == list(range(25))


def test_max_steps_of_lightning_does_not_end_what_it_does_not_count(tmp_path):
    monitor, _ = watched(Raw, tmp_path, max_steps=5, schedule=4)
    assert monitor.trajectories["val"].steps.tolist() == [0, 4, 8, 12, 16, 20, 24]


def test_checkpoints_of_a_training_that_lightning_counts_say_so(tmp_path):
    monitor, _ = watched(
        Wrapped,
        tmp_path,
        callbacks=lambda m: [m, saved(tmp_path, every_n_train_steps=6)],
        enable_checkpointing=True,
        max_steps=6,
    )
    state = torch.load(tmp_path / "step=6.ckpt")["callbacks"][monitor.state_key]
    assert state["steps"] == {"own": False, "counted": 0}
