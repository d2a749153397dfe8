"""An output of one's own, as docs/outputs.md and CONTRIBUTING.md say it: a class, and nothing else anywhere."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lightning_infogeo import ConfigurationError, InfoGeometryMonitor, Tokens
from lightning_infogeo.distributions import Categorical, Distribution, Suspicion
from tests.helpers.classifiers import IMAGES, LABELS, fit
from tests.helpers.tasks import Task, loaders, monitor_of

DOCS = Path(__file__).parents[2] / "docs" / "outputs.md"
LEVELS = (LABELS[:40, None] > torch.arange(9)).float()


def documented():
    """Runs the code of docs/outputs.md and returns the class that it defines."""
    section = DOCS.read_text().split("## An output of your own")[1]
    names = {"InfoGeometryMonitor": InfoGeometryMonitor, "__name__": "documented"}
    exec(re.search(r"```python\n(.*?)```", section, re.DOTALL)[1], names)
    return names["Ordinal"]


Ordinal = documented()


class Digits(Task):
    """Digits as ten ordered classes: nine logits, and a label for each of them."""

    data = IMAGES[:40], LEVELS
    loss = staticmethod(nn.functional.binary_cross_entropy_with_logits)

    @staticmethod
    def net_of():
        return nn.Sequential(nn.Linear(64, 16), nn.Dropout(0.2), nn.Linear(16, 9))


def probabilities(model, inputs):
    """Evaluated by hand in float64: p of class k is the product of σ(z) before it times 1 − σ(z) at it."""
    model = model.eval().double()
    with torch.no_grad():
        on = 1 / (1 + np.exp(-model(inputs.double()).numpy()))
    model.float()
    before = np.cumprod(np.concatenate([np.ones((len(on), 1)), on], 1), 1)
    return before * np.concatenate([1 - on, np.ones((len(on), 1))], 1)


def test_the_curves_are_those_of_its_probabilities(tmp_path):
    monitor = monitor_of({"output": Ordinal(), "strict": True, "archive": tmp_path / "run.zarr"})
    trainer = fit(monitor, tmp_path, Digits, max_steps=12, **loaders(Digits))
    trajectory = monitor.trajectories["val"]
    p = probabilities(trainer.lightning_module, IMAGES[24:40])
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-12)
    truth = -np.log(p[range(16), LABELS[24:40]]).mean() / 2
    assert trajectory.distance_to_truth[-1] == pytest.approx(truth, rel=1e-5)
    assert trajectory.entropy[-1] == pytest.approx(-(p * np.log(p)).sum(1).mean(), rel=1e-5)
    np.testing.assert_allclose(trajectory.history.amplitudes[-1].numpy() ** 2, p, rtol=1e-4, atol=1e-7)
    assert trainer.callback_metrics["infogeo/val/distance_to_truth"] == pytest.approx(truth, rel=1e-5)
    assert set(monitor.verdicts) == {"val"}
    assert monitor.picture().axes


def test_class_indices_and_levels_are_the_same_labels(tmp_path):
    class Indices(Digits):
        data = IMAGES[:40], LABELS[:40]

        @staticmethod
        def loss(logits, labels):
            return Digits.loss(logits, (labels[:, None] > torch.arange(9)).float())

    values = []
    for task in (Digits, Indices):
        monitor = monitor_of({"output": Ordinal()})
        fit(monitor, tmp_path, task, max_steps=6, **loaders(task))
        values.append(monitor.trajectories["val"].distance_to_truth)
    assert torch.equal(*values)


class Heads(Distribution):
    """Independent softmax heads: outputs (n, H·C), labels (n, H); what it takes is the least that a class must say."""

    def __init__(self, heads):
        self.heads = heads

    def expected(self, inputs):
        return f"logits of shape ({inputs}, {self.heads} C)"

    def fits(self, shape):
        return len(shape) == 2 and shape[1] % self.heads == 0

    def positions(self, shape):
        return (self.heads,)

    def arranged(self, outputs):
        return outputs.unflatten(1, (self.heads, -1))


class TwoHeads(Task):
    """The digit's quotient and remainder by 4, three and four classes in four logits each."""

    data = IMAGES[:40], torch.stack([LABELS[:40] // 4, LABELS[:40] % 4], 1)

    @staticmethod
    def loss(logits, labels):
        return nn.functional.cross_entropy(logits.reshape(-1, 4), labels.flatten())

    @staticmethod
    def net_of():
        return nn.Sequential(nn.Linear(64, 16), nn.Dropout(0.2), nn.Linear(16, 8))


def test_softmax_heads_are_the_tokens_of_a_sequence_of_two(tmp_path):
    """Another arrangement of the same numbers: bit by bit the same record."""
    tokens = {"output": Tokens(), "logits_fn": lambda module, inputs: module(inputs).unflatten(1, (2, 4))}
    curves = []
    for options in ({"output": Heads(2)}, tokens):
        monitor = monitor_of(options, strict=True)
        fit(monitor, tmp_path, TwoHeads, max_steps=12, **loaders(TwoHeads))
        curves.append(monitor.trajectories["val"])
    for quantity in curves[0].quantities:
        torch.testing.assert_close(*(getattr(c, quantity) for c in curves), rtol=0, atol=0, equal_nan=True)
    assert len(curves[0]) == 5


@pytest.mark.parametrize(("task", "make"), [(Digits, Ordinal), (TwoHeads, lambda: Heads(2))])
def test_a_resumed_run_goes_on_and_another_distribution_is_refused(task, make, tmp_path):
    whole = monitor_of({"output": make()}, strict=True)
    fit(whole, tmp_path, task, max_steps=12, **loaders(task))
    trainer = fit(monitor_of({"output": make()}, strict=True), tmp_path, task, max_steps=6, **loaders(task))
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    resumed = monitor_of({"output": make()}, strict=True)
    options = {"max_steps": 12, "ckpt_path": tmp_path / "half.ckpt", **loaders(task)}
    fit(resumed, tmp_path, task, **options)
    assert torch.equal(resumed.trajectories["val"].length, whole.trajectories["val"].length)
    with pytest.raises(ConfigurationError, match="output"):
        fit(monitor_of({"output": Heads(4)}), tmp_path, task, **options)


def test_outputs_and_labels_that_do_not_fit_are_named_with_its_own_words(tmp_path):
    class Scalar(Digits):
        def forward(self, x):
            return self.net(x)[:, 0]

    own_words = r'output="Ordinal".*\(24, K - 1\) for 24 samples of K ordered classes'
    with pytest.raises(ConfigurationError, match=own_words):
        fit(InfoGeometryMonitor(output=Ordinal()), tmp_path, Scalar, train=loaders(Digits)["train"], val=False)

    class Strict(Ordinal):
        def label_error(self, labels, given):
            return f"must be ordered, got {given}; sort them."

    with pytest.raises(ConfigurationError, match=r"of 'train': must be ordered, got torch\.float32; sort them"):
        fit(InfoGeometryMonitor(output=Strict()), tmp_path, Digits, **loaders(Digits))

    class Silent(Ordinal):
        label_error = Distribution.label_error

    with pytest.raises(ConfigurationError, match=r"must be integer class indices, got torch\.float32"):
        fit(InfoGeometryMonitor(output=Silent()), tmp_path, Digits, **loaders(Digits))


class Softmaxes(Task):
    """A model that returns probabilities."""

    data = IMAGES[:40], LABELS[:40]
    loss = staticmethod(lambda outputs, labels: nn.functional.nll_loss(outputs.log(), labels))

    def forward(self, x):
        return self.net(x).softmax(-1)


def suspecting(suspicion):
    kind = type("Suspecting", (Categorical,), {"suspicion": suspicion})
    return InfoGeometryMonitor(output=kind(), probe_size=40)


def test_it_decides_which_outputs_are_suspicious(tmp_path):
    """Refused, warned of, or taken; and what is not recognised is never suspected."""
    seen = {"evidence": "none is negative", "remedy": "give logits"}
    data = {"train": loaders(Softmaxes)["train"], "val": False, "max_steps": 2}
    data["train"] = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*Softmaxes.data), batch_size=8)
    refused = Suspicion(lambda z: bool((z >= 0).all()), certain=True, **seen)
    with pytest.raises(ConfigurationError, match=r"'train' is probabilities \(none is negative\).*: give logits"):
        fit(suspecting(refused), tmp_path, Softmaxes, **data)
    with pytest.warns(UserWarning, match=r"'train' looks like probabilities \(none is negative\).*give logits"):
        fit(suspecting(refused._replace(certain=False)), tmp_path, Softmaxes, **data)
    for suspicion in (None, refused._replace(recognises=lambda z: False)):
        monitor = suspecting(suspicion)
        fit(monitor, tmp_path, Softmaxes, **data)  # a warning would be an error
        assert len(monitor.trajectories["train"]) == 3
    with pytest.raises(ConfigurationError, match="sums to 1"):
        fit(InfoGeometryMonitor(), tmp_path, Softmaxes, **data)
