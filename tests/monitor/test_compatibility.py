"""The settings of docs/compatibility.md, one after the other: training is unchanged bit by bit, and curves are right.

Right means: what the last record says of the way from the first prediction, of entropy and of the distance to truth is
what an independent float64 evaluation of the weights of that step says.
"""

import copy
import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from lightning.pytorch import callbacks as lightning_callbacks
from lightning.pytorch.tuner import Tuner
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from lightning_infogeo import InfoGeometryMonitor, Probe
from tests.helpers import oracles
from tests.helpers.classifiers import (
    IMAGES,
    LABELS,
    Classifier,
    TwoOptimizers,
    digest,
    noisy_net,
    random_streams,
    train_loader,
    trainer,
    val_loader,
)

EXACT, SINGLE, HALF = 1e-9, 2e-5, 5e-2
PROBE = slice(1000, 1040)


class Noisy(Classifier):
    """BatchNorm and Dropout, and without ``self.log``, which Dynamo cannot trace through in this Lightning."""

    def __init__(self, wrap=None, **options):
        net = noisy_net()
        super().__init__(net if wrap is None else wrap(net), **options)

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch, batch_idx):
        self(batch[0])


class TwoHalves(TwoOptimizers):
    """Manual optimization with Dropout, two optimizers and two steps a batch."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 16), nn.Dropout(0.3), nn.Linear(16, 10))


class ScheduleFree(torch.optim.Optimizer):
    """Schedule-free SGD (Defazio et al., arXiv 2405.15682): trained are y = 0.1 z + 0.9 x, and x is the result."""

    def __init__(self, params, lr, beta=0.9):
        super().__init__(params, {"lr": lr, "beta": beta})

    @torch.no_grad()
    def step(self, closure=None):
        with torch.enable_grad():
            loss = closure()
        for group in self.param_groups:
            for y in group["params"]:
                state = self.state[y]
                if not state:
                    state.update(x=y.clone(), z=y.clone(), steps=0)
                state["steps"] += 1
                state["z"] -= group["lr"] * y.grad
                state["x"].lerp_(state["z"], 1 / state["steps"])
                y.copy_(torch.lerp(state["z"], state["x"], group["beta"]))
        return loss


class Endless(IterableDataset):
    """Without a length."""

    def __iter__(self):
        return ((IMAGES[i], LABELS[i]) for i in range(96))


class Tunable(Noisy):
    """Loads its own data, so that a Tuner can change the size of batches."""

    def __init__(self, lr=1e-2, batch_size=8):
        super().__init__(lr=lr)
        self.batch_size = batch_size

    def train_dataloader(self):
        return train_loader(192, batch_size=self.batch_size, shuffle=True)

    def val_dataloader(self):
        return val_loader()


class Weights(pl.Callback):
    """Keeps the weights of every step as they are while training goes on."""

    def __init__(self):
        self.at = {}

    def on_train_start(self, trainer, pl_module):
        self.at.setdefault(trainer.global_step, copy.deepcopy(pl_module.state_dict()))

    def on_train_batch_end(self, trainer, pl_module, *args):
        self.at.setdefault(trainer.global_step, copy.deepcopy(pl_module.state_dict()))  # a step may take many batches


@dataclasses.dataclass
class Setting:
    """One row: what is trained, how, and how exact the curves are."""

    model: Callable = Noisy
    options: dict = dataclasses.field(default_factory=dict)
    callbacks: Callable = list
    tolerance: float = SINGLE
    loader: Callable = lambda: train_loader(shuffle=True)
    run: Callable = lambda made, model, loader: made.fit(model, loader, val_loader())
    monitors: Callable = lambda: [watching()]
    marks: tuple = ()


def watching(**options):
    probe = Probe(IMAGES[PROBE], LABELS[PROBE])
    return InfoGeometryMonitor(**{"probes": {"val": probe}, "schedule": 1, **options})


def compiled_module():
    return torch.compile(Noisy(), backend="eager")


def compiled_part():
    return Noisy(lambda net: torch.compile(net, backend="eager"))


def averaged():
    return [lightning_callbacks.WeightAveraging(avg_fn=lambda kept, new, count: 0.9 * kept + 0.1 * new)]


def tuned(find):
    def run(made, model, loader):
        find(Tuner(made), model)
        made.fit(model)

    return run


def three_fits(made, model, loader):
    for steps in (4, 8, 12):
        made.fit_loop.epoch_loop.max_steps = steps
        made.fit(model, loader)


def finds(tuner, model):
    tuner.lr_find(model, num_training=5)


def scales(tuner, model):
    tuner.scale_batch_size(model, max_trials=2, steps_per_trial=1)


gpu = pytest.mark.gpu
AVERAGING = pytest.mark.skipif(not hasattr(lightning_callbacks, "WeightAveraging"), reason="needs Lightning 2.6")
SETTINGS = {
    "32-true": Setting(),
    "bf16-mixed": Setting(options={"precision": "bf16-mixed"}),
    "16-mixed": Setting(options={"precision": "16-mixed", "accelerator": "cuda"}, marks=(gpu,)),
    "bf16-true": Setting(options={"precision": "bf16-true"}, tolerance=HALF),
    "64-true": Setting(options={"precision": "64-true"}, tolerance=EXACT),
    "compiled module": Setting(compiled_module),
    "compiled part": Setting(compiled_part),
    "accumulate_grad_batches": Setting(options={"accumulate_grad_batches": 3, "max_steps": 8}),
    "gradient clipping": Setting(options={"gradient_clip_val": 0.1}),
    "manual optimization": Setting(TwoHalves, {"max_steps": 24}),
    "WeightAveraging": Setting(callbacks=averaged, marks=(AVERAGING,)),
    "StochasticWeightAveraging": Setting(
        options={"max_steps": -1, "max_epochs": 3},
        callbacks=lambda: [lightning_callbacks.StochasticWeightAveraging(swa_lrs=1e-2, swa_epoch_start=1)],
    ),
    "schedule-free optimizer": Setting(lambda: Noisy(optimizer=ScheduleFree, lr=0.1)),
    "Tuner.lr_find": Setting(Tunable, run=tuned(finds)),
    "Tuner.scale_batch_size": Setting(Tunable, run=tuned(scales)),
    "LearningRateFinder": Setting(
        Tunable,
        callbacks=lambda: [lightning_callbacks.LearningRateFinder(num_training_steps=5)],
        run=lambda made, model, loader: made.fit(model),
    ),
    "BatchSizeFinder": Setting(
        Tunable,
        callbacks=lambda: [lightning_callbacks.BatchSizeFinder(max_trials=2, steps_per_trial=1)],
        run=lambda made, model, loader: made.fit(model),
    ),
    "fast_dev_run": Setting(options={"fast_dev_run": 3, "max_steps": -1}),
    "barebones": Setting(options={"barebones": True}),
    "overfit_batches": Setting(options={"overfit_batches": 2}, loader=train_loader),
    "limit_train_batches": Setting(options={"limit_train_batches": 2}),
    "data without a length": Setting(loader=lambda: DataLoader(Endless(), batch_size=16)),
    "several fits": Setting(run=three_fits),
    "two monitors": Setting(monitors=lambda: [watching(), watching(prefix="second", schedule=4)]),
    "deterministic": Setting(options={"deterministic": True}),
    "detect_anomaly": Setting(options={"detect_anomaly": True}),
}
REMARKS = [  # Lightning's and torch's, on what these settings do on purpose
    "ignore:.*overfit_batches",
    "ignore:You are running in `Trainer.barebones=True. mode",
    "ignore:The `srun` command is available",
]
pytestmark = [pytest.mark.filterwarnings(remark) for remark in REMARKS]


def trained(setting, folder, monitors):
    """Everything by which two trainings can be told apart; the trainer; and the weights of every step."""
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    pl.seed_everything(7, verbose=False)
    model, loader, weights = setting.model(), setting.loader(), Weights()
    made = trainer([*monitors, *setting.callbacks(), weights], folder, **setting.options)
    setting.run(made, model, loader)
    graphs = {name: dict(counts) for name, counts in torch._dynamo.utils.counters.items()}
    return (digest(made), str(random_streams()), graphs), made, weights.at


def by_hand(setting, state):
    """Probabilities on the probe by float64, of the weights of one step."""
    model = setting.model()
    model = getattr(model, "_orig_mod", model)
    model = model.double().eval()
    model.load_state_dict(state)
    with torch.no_grad():
        return oracles.softmax(model(IMAGES[PROBE].double()))


def right(trajectory, first, last):
    """What the last record holds, and what float64 says of the weights of the first and the last record."""
    (p, q), truth = (first, last), np.asarray(LABELS[PROBE])
    expected = {
        "displacement": oracles.fisher_rao(p, q),
        "entropy": -(q * np.log(q)).sum(-1).mean(),
        "distance_to_truth": -np.log(q[np.arange(len(q)), truth]).mean() / 2,
    }
    assert expected["displacement"] > 0.01
    return {quantity: getattr(trajectory, quantity)[-1].item() for quantity in expected}, expected


@pytest.mark.parametrize("name", [pytest.param(n, marks=s.marks) for n, s in SETTINGS.items()])
def test_training_is_unchanged_and_curves_are_right(name, tmp_path):
    setting = SETTINGS[name]
    monitors = setting.monitors()
    outcome, made, weights = trained(setting, tmp_path / "with", monitors)
    assert outcome == trained(setting, tmp_path / "without", [])[0]
    assert bool(outcome[-1].get("stats")) == name.startswith("compiled")  # or no graphs were counted
    assert monitors[0].trajectories["val"].steps.tolist() == sorted(weights)
    for monitor in monitors:
        trajectory = monitor.trajectories["val"]
        assert (trajectory.steps[0], trajectory.steps[-1]) == (0, made.global_step)
        ends = (by_hand(setting, weights[step]) for step in trajectory.steps[[0, -1]].tolist())
        found, expected = right(trajectory, *ends)
        assert found == pytest.approx(expected, rel=setting.tolerance)
        assert made.callback_metrics[f"{monitor.prefix}/val/length"] == pytest.approx(trajectory.length[-1].item())


def test_of_16_mixed_on_a_cpu_lightning_makes_bf16_mixed(tmp_path):
    with pytest.warns(UserWarning, match="fp16 is not supported on CPU. Using `precision='bf16-mixed'` instead"):
        made = trainer(monitor := watching(), tmp_path, precision="16-mixed")
    made.fit(Noisy(), train_loader())
    assert monitor.trajectories["val"].precision == "full float32"


def test_the_precision_of_training_is_followed_where_asked_for(tmp_path):
    """Negative control of the tolerance of bf16-mixed: the training's own precision misses it."""
    setting = dataclasses.replace(SETTINGS["bf16-mixed"], monitors=lambda: [watching(precision="training")])
    (monitor,) = monitors = setting.monitors()
    _, made, weights = trained(setting, tmp_path, monitors)
    found, expected = right(
        monitor.trajectories["val"], by_hand(setting, weights[0]), by_hand(setting, weights[made.global_step])
    )
    assert found == pytest.approx(expected, rel=HALF)
    assert found != pytest.approx(expected, rel=SINGLE)


@AVERAGING
def test_beside_weight_averaging_the_weights_in_training_are_probed_and_the_average_on_request(tmp_path):
    """docs/compatibility.md gives this ``logits_fn``, and says that the monitor has to come after."""
    (averaging,) = averaged()

    def average(module, inputs):
        kept = averaging._average_model.module
        return torch.func.functional_call(
            module, {**dict(kept.named_parameters()), **dict(kept.named_buffers())}, inputs
        )

    monitors = [watching(), watching(prefix="average", logits_fn=average)]
    setting = dataclasses.replace(SETTINGS["WeightAveraging"], callbacks=lambda: [averaging, *monitors])
    _, made, weights = trained(setting, tmp_path, [])
    ends = by_hand(setting, weights[0]), by_hand(setting, made.lightning_module.state_dict())
    found, expected = right(monitors[1].trajectories["val"], *ends)  # the average is what training leaves behind
    assert found == pytest.approx(expected, rel=SINGLE)
    assert right(monitors[0].trajectories["val"], *ends)[0] != pytest.approx(expected, rel=1e-2)


def test_the_last_record_of_stochastic_weight_averaging_is_of_the_average(tmp_path):
    setting = SETTINGS["StochasticWeightAveraging"]
    (monitor,) = monitors = setting.monitors()
    _, made, weights = trained(setting, tmp_path, monitors)
    assert made.global_step == 19  # 18 of training, and Lightning's pass for the statistics of BatchNorm counts as one
    ends = by_hand(setting, weights[0]), by_hand(setting, made.lightning_module.state_dict())
    found, expected = right(monitor.trajectories["val"], *ends)
    assert found == pytest.approx(expected, rel=SINGLE)


def test_of_a_schedule_free_optimizer_the_weights_that_take_gradients_are_probed_and_the_result_on_request(tmp_path):
    """docs/compatibility.md gives this ``logits_fn``."""

    def result(module, inputs):
        state = module.optimizers(use_pl_optimizer=False).state
        return torch.func.functional_call(
            module, {n: state[p].get("x", p) for n, p in module.named_parameters()}, inputs
        )

    setting = SETTINGS["schedule-free optimizer"]
    monitors = [watching(), watching(prefix="result", logits_fn=result)]
    _, made, weights = trained(setting, tmp_path, monitors)
    state = made.optimizers[0].state
    x = {name: state[p]["x"] for name, p in made.lightning_module.named_parameters()}
    ends = by_hand(setting, weights[0]), by_hand(setting, {**made.lightning_module.state_dict(), **x})
    found, expected = right(monitors[1].trajectories["val"], *ends)
    assert found == pytest.approx(expected, rel=SINGLE)
    assert right(monitors[0].trajectories["val"], *ends)[0] != pytest.approx(expected, rel=1e-2)


def test_every_row_of_the_table_names_a_test_and_every_setting_has_a_row():
    root = Path(__file__).parents[2]
    text = (root / "docs" / "compatibility.md").read_text()
    named = {name for row in text.splitlines() if "everywhere[" in row for name in re.findall(r"\[([^\]]+)\]", row)}
    assert named == set(SETTINGS)
    rows = re.findall(r"(?:([\w/]+)/)?(test_\w+): (test_\w+)", text)
    assert len(rows) > len(SETTINGS)
    for folder, file, test in rows:
        assert f"def {test}(" in (root / "tests" / (folder or "monitor") / f"{file}.py").read_text(), (file, test)
