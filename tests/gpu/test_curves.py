"""Curves made on the device are what float64 on a CPU says of the same weights."""

import numpy as np
import pytest
import torch

from tests.helpers.gpu_fits import PROBE, Convolutional, Net, Weights, X, Y, fit, watching

SINGLE = 1e-4
"""Of a distance that is some hundredths: logits in float32 on two devices differ by some 1e-6."""


def probabilities(model, state):
    module = model().double().eval()
    module.load_state_dict(state)
    with torch.no_grad():
        return module(X[PROBE].double()).softmax(-1).numpy()


def expected(model, weights):
    """Displacement, entropy and distance to truth of the last step by their definitions."""
    p, q = (probabilities(model, weights[step]) for step in (min(weights), max(weights)))
    arcs = np.arccos(np.clip(np.sqrt(p * q).sum(-1), 0, 1))
    return {
        "displacement": 2 * np.sqrt((arcs**2).mean()),
        "entropy": -(q * np.log(q)).sum(-1).mean(),
        "distance_to_truth": -np.log(q[np.arange(len(q)), Y[PROBE].numpy()]).mean() / 2,
    }


def compared(folder, accelerator, model=Net, trained="32-true", followed="full"):
    monitor, weights = watching(precision=followed), Weights()
    fit([monitor, weights], folder, accelerator, model, precision=trained)
    trajectory, right = monitor.trajectories["val"], expected(model, weights.at)
    assert trajectory.steps.tolist() == sorted(weights.at)
    assert right["displacement"] > 0.05
    return {name: getattr(trajectory, name)[-1].item() for name in right}, right


CASES = [
    *(pytest.param("cuda", precision, marks=pytest.mark.gpu) for precision in ("32-true", "bf16-mixed", "16-mixed")),
    *(("cpu", precision) for precision in ("32-true", "bf16-mixed")),
]


@pytest.mark.parametrize(("device", "precision"), CASES)
def test_of_a_dense_network_in_every_precision_of_training(device, precision, tmp_path):
    found, right = compared(tmp_path, device, trained=precision)
    assert found == pytest.approx(right, rel=SINGLE)


def test_of_a_convolutional_network(accelerator, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # torch's default, of three digits
    found, right = compared(tmp_path, accelerator, Convolutional)
    assert found == pytest.approx(right, rel=SINGLE)


def test_in_the_precision_of_training_they_are_not(accelerator, tmp_path):
    """Negative control of the tolerance."""
    found, right = compared(tmp_path, accelerator, trained="bf16-mixed", followed="training")
    assert found != pytest.approx(right, rel=SINGLE)
