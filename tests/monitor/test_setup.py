"""Everything that cannot work is said before the first step, naming class, argument, value and remedy."""

from unittest.mock import Mock

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.strategies import DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import ConfigurationError, InfoGeometryMonitor, Probe
from lightning_infogeo.trainer import strategies
from tests.helpers.classifiers import IMAGES, LABELS, Classifier, fit, train_loader, trainer, val_loader


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("probes", "train"),
        ("probes", None),
        ("probes", {}),
        ("probes", {"a/b": Probe(IMAGES[:2])}),
        ("probes", {1: Probe(IMAGES[:2])}),
        ("probe_size", 0),
        ("probe_size", -5),
        ("probe_size", 2.5),
        ("probe_size", True),
        ("flag_size", 0),
        ("flag_size", -1),
        ("flag_size", 600.0),
        ("flag_size", True),
        ("flag_size", None),
        ("flag_size", "all"),
        ("schedule", 0),
        ("schedule", -1),
        ("schedule", 1.5),
        ("schedule", "linear"),
        ("schedule", None),
        ("schedule", True),
        ("lag", -1),
        ("lag", 0.5),
        ("output", "words"),
        ("output", None),
        ("logits_fn", 3),
        ("precision", "half"),
        ("strict", "yes"),
        ("prefix", ""),
        ("prefix", None),
    ],
)
def test_an_impossible_argument_is_named_at_once(argument, value):
    with pytest.raises(ConfigurationError, match=rf"`InfoGeometryMonitor\({argument}=") as raised:
        InfoGeometryMonitor(**{argument: value})
    assert repr(value) in str(raised.value)
    assert isinstance(raised.value, ValueError)


class Steps(pl.Callback):
    taken = 0

    def on_train_batch_start(self, *args):
        self.taken += 1


def refused(message, tmp_path, monitor=None, **options):
    steps = Steps()
    with pytest.raises(ConfigurationError, match=message) as raised:
        fit([steps, monitor or InfoGeometryMonitor()], tmp_path, **options)
    assert steps.taken == 0
    return str(raised.value)


class Returning(Classifier):
    """Returns something else than logits."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def forward(self, x):
        return self.change(self.net(x))

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def validation_step(self, batch, batch_idx):
        pass


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda z: z[:, :1], r"shape \(64, 1\).*logits_fn.*regression"),
        (lambda z: z[:, 0], r"shape \(64,\)"),
        (lambda z: z.argmax(-1), "torch.int64"),
        (lambda z: z > 0, "torch.bool"),
        (lambda z: z[:-1], r"shape \(63, 10\)"),
        (lambda z: z.reshape(-1, 2, 5), r"shape \(64, 2, 5\)"),
        (lambda z: (z, z), "got `tuple`"),
        (lambda z: None, "got `NoneType`"),
        (lambda z: {"scores": z}, "got `dict`"),
        (lambda z: z.softmax(-1), "is probabilities.*log"),
        (lambda z: z.detach().numpy(), "got `ndarray`"),
    ],
)
def test_output_that_is_not_logits_is_described(change, message, tmp_path):
    text = refused(message, tmp_path, model=lambda: Returning(change))
    assert "logits_fn" in text


@pytest.mark.parametrize(
    "change",
    [lambda z: {"logits": z}, lambda z: Mock(logits=z), lambda z: z.log_softmax(-1)],
    ids=["key", "attr", "log"],
)
def test_common_ways_of_returning_logits_are_understood(change, tmp_path):
    monitor = InfoGeometryMonitor()
    fit(monitor, tmp_path, lambda: Returning(change), max_steps=2)
    assert monitor.trajectories["val"].length[-1] > 0


def test_a_forward_that_needs_arguments_is_answered_by_logits_fn(tmp_path):
    class Needs(Classifier):
        def forward(self, x, temperature):
            return self.net(x) / temperature

        def training_step(self, batch, batch_idx):
            return nn.functional.cross_entropy(self(batch[0], 1.0), batch[1])

        def validation_step(self, batch, batch_idx):
            pass

    refused(r"calling `Needs` raised TypeError: .*temperature.*logits_fn=lambda module, inputs", tmp_path, model=Needs)
    monitor = InfoGeometryMonitor(logits_fn=lambda module, inputs: module(inputs, 2.0))
    fit(monitor, tmp_path, Needs, max_steps=2)
    assert monitor.trajectories["val"].length[-1] > 0


def test_a_module_without_forward_is_answered_too(tmp_path):
    class Without(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(64, 10)

        def training_step(self, batch, batch_idx):
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    refused("NotImplementedError.*logits_fn", tmp_path, model=Without, val=False)


def test_a_validation_before_training_may_leave_inference_tensors(tmp_path):
    class Reassigns(Classifier):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x):
            self.calls = self.calls + 1
            return self.net(x)

    monitor, model = InfoGeometryMonitor(budget=None), Reassigns()
    made = trainer(monitor, tmp_path)
    made.validate(model, val_loader(), verbose=False)
    made.fit(model, train_loader())
    assert len(monitor.trajectories["train"]) == 13


def test_uninitialised_lazy_parameters(tmp_path):
    lazy = lambda: Classifier(nn.LazyLinear(10), optimizer=torch.optim.SGD)  # noqa: E731
    refused(r"uninitialised lazy parameters, \['net.weight', 'net.bias'\].*configure_model", tmp_path, model=lazy)


@pytest.mark.parametrize(
    ("probes", "message"),
    [
        (Probe(IMAGES[:4], [0, 1, 2, 10]), r"must lie in 0..9 for the 10 classes of the model, got 0..10"),
        (Probe(IMAGES[:4], [0, 1, 2, -7]), r"got -7..2"),
        (Probe(IMAGES[:4], [-100, -100, -100, -100]), "every label is ignore_index=-100"),
        (Probe(IMAGES[:4, :3]), "calling `Classifier` raised RuntimeError"),
        (TensorDataset(IMAGES[:0], LABELS[:0]), "is empty"),
        (TensorDataset(IMAGES[:4]), r"probes=Probe\(inputs, labels\)"),
        (TensorDataset(IMAGES[:4], IMAGES[:4, 0]), "got torch.float32.*regression"),
        ({"a": Probe(IMAGES[:4]), "b": 3}, "cannot take samples from `int`"),
    ],
)
def test_probes_that_do_not_fit_the_model(probes, message, tmp_path):
    refused(message, tmp_path, InfoGeometryMonitor(probes=probes))


def test_probes_with_different_numbers_of_classes(tmp_path):
    def by_size(module, inputs):
        return module(inputs)[:, : len(inputs)]

    probes = {"a": Probe(IMAGES[:4]), "b": Probe(IMAGES[:5])}
    refused(
        r"different numbers of classes, \{'a': 4, 'b': 5\}", tmp_path, InfoGeometryMonitor(probes, logits_fn=by_size)
    )


def test_several_training_loaders(tmp_path):
    class Both(Classifier):
        def training_step(self, batch, batch_idx):
            return super().training_step(batch["a"], batch_idx)

    both = {"a": train_loader(), "b": train_loader()}
    refused("reads 2 loaders.*split=lambda batch", tmp_path, model=Both, train=both, val=False)
    monitor = InfoGeometryMonitor()
    with pytest.warns(UserWarning, match="does not follow 'train': .*reads 2 loaders"):
        fit(monitor, tmp_path, Both, train=both, max_steps=2)
    assert list(monitor.trajectories) == ["val"]


@pytest.mark.parametrize("distributed", ["auto", "rank_zero", "shard"])
@pytest.mark.parametrize("strategy", [FSDPStrategy, DeepSpeedStrategy])
def test_a_sharded_strategy_is_refused_in_setup(strategy, distributed):
    sharded = Mock(strategy=object.__new__(strategy), world_size=1)  # without what DeepSpeed needs to be made
    monitor = InfoGeometryMonitor(distributed=distributed)
    with pytest.raises(ConfigurationError, match=rf'{strategy.__name__}` is not supported.*FSDP2.*strategy="ddp"'):
        monitor.setup(sharded, Mock(), "fit")
    monitor.setup(sharded, Mock(), "test")  # other stages are none of its business


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"distributed": "shard"}, r'distributed="shard"\)`.*use distributed="auto"'),
        ({"parameters": True}, r"parameters=True\)`.*only a part of the weights.*leave parameters out"),
        ({"neurons": ["net.0"]}, r"neurons=\['net.0'\]\)`.*only a part of the weights.*leave neurons out"),
    ],
)
def test_what_needs_more_than_a_part_of_the_model_is_refused_in_setup(options, message):
    in_parts = Mock(strategy=ModelParallelStrategy(), world_size=2)
    InfoGeometryMonitor().setup(in_parts, Mock(), "fit")
    with pytest.raises(ConfigurationError, match=message):
        InfoGeometryMonitor(**options).setup(in_parts, Mock(), "fit")


def test_a_torch_that_cannot_put_fsdp2_back_after_an_error_is_refused_in_setup(monkeypatch):
    monkeypatch.setattr(strategies, "recovers", lambda: False)
    with pytest.raises(ConfigurationError, match=r"reset_iter_state.*this is \d"):
        InfoGeometryMonitor().setup(Mock(strategy=ModelParallelStrategy(), world_size=2), Mock(), "fit")


def test_a_monitor_cannot_be_used_for_a_second_training(tmp_path):
    monitor = InfoGeometryMonitor()
    fit(monitor, tmp_path, max_steps=4)
    refused("has recorded up to step 4, but this training is at step 0; use a new", tmp_path, monitor)


def test_two_monitors_need_a_prefix_each(tmp_path):
    with pytest.raises(RuntimeError, match="more than one stateful callback"):
        trainer([InfoGeometryMonitor(), InfoGeometryMonitor()], tmp_path)
    monitors = [InfoGeometryMonitor(schedule=2), InfoGeometryMonitor(schedule=3, prefix="other")]
    made = fit(monitors, tmp_path, max_steps=6)
    assert [m.trajectories["val"].steps.tolist() for m in monitors] == [[0, 2, 4, 6], [0, 3, 6]]
    assert {"infogeo/val/length", "other/val/length"} <= made.callback_metrics.keys()


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("size", [1, 3])
def test_the_smallest_probes_work(classes, size, tmp_path):
    monitor = InfoGeometryMonitor(Probe(IMAGES[:size], LABELS[:size] % 2), logits_fn=lambda m, x: m(x)[:, :classes])
    fit(monitor, tmp_path, max_steps=3)
    assert monitor.trajectories["probe"].length[-1] > 0


def test_where_full_precision_cannot_run_training_precision_is_used_with_one_warning(tmp_path):
    class OnlyHalf(Classifier):
        def forward(self, x):
            z = self.net(x)
            if z.dtype == torch.float32:
                raise RuntimeError("this kernel takes bfloat16 only")
            return z

    monitor = InfoGeometryMonitor()
    with pytest.warns(UserWarning, match=r'precision="full".*takes bfloat16 only') as warned:
        fit(monitor, tmp_path, OnlyHalf, precision="bf16-mixed", max_steps=4)
    assert len([w for w in warned if "takes bfloat16 only" in str(w.message)]) == 1
    assert monitor.trajectories["val"].precision == "training bfloat16"


def test_validation_and_test_runs_are_left_alone(tmp_path):
    monitor = InfoGeometryMonitor()
    made = trainer(monitor, tmp_path)
    made.validate(Classifier(), val_loader(), verbose=False)
    assert monitor.trajectories == {}


@pytest.mark.parametrize("options", [{"fast_dev_run": 3}, {"barebones": True, "logger": None, "max_steps": 3}])
def test_other_ways_of_running_a_trainer(options, tmp_path):
    if "barebones" in options:
        options |= dict.fromkeys(("enable_checkpointing", "enable_progress_bar", "enable_model_summary"))
        options["num_sanity_val_steps"] = None
    monitor = InfoGeometryMonitor()
    fit(monitor, tmp_path, lambda: Returning(lambda z: z), **options)
    assert monitor.trajectories["train"].steps.tolist() == [0, 1, 2, 3]


def test_overfit_batches_follows_only_what_is_trained_on(tmp_path):
    monitor = InfoGeometryMonitor()
    fit(monitor, tmp_path, overfit_batches=2, max_steps=3, train=train_loader(batch_size=8))
    torch.testing.assert_close(monitor.followed["train"].inputs, IMAGES[:16])


def test_a_loader_of_ones_own_is_followed(tmp_path):
    loader = DataLoader(TensorDataset(IMAGES[50:80], LABELS[50:80]), batch_size=4)
    monitor = InfoGeometryMonitor({"train_clean": loader, "held_out": val_loader().dataset}, probe_size=15)
    fit(monitor, tmp_path, max_steps=3)
    assert {name: len(probe) for name, probe in monitor.followed.items()} == {"train_clean": 15, "held_out": 15}
