"""Metrics of torchmetrics agree with the functions of the package."""

import matplotlib.figure
import pytest
import torch
import torchmetrics

from lightning_infogeo import amplitudes, bhattacharyya, fisher_rao, hellinger
from lightning_infogeo.metrics import BhattacharyyaDistance, FisherRaoDistance, HellingerDistance
from tests.helpers.contracts import random_logits

TWINS = {BhattacharyyaDistance: bhattacharyya, HellingerDistance: hellinger, FisherRaoDistance: fisher_rao}


@pytest.mark.parametrize("metric", TWINS)
@pytest.mark.parametrize("given", ["logits", "probabilities"])
def test_batches_of_any_size_add_up_to_the_functional_twin(metric, given):
    z, w = random_logits(50, 6), random_logits(50, 6, seed=1)
    made = metric(given=given)
    for start, stop in ((0, 7), (7, 40), (40, 50)):
        a, b = z[start:stop], w[start:stop]
        made.update(*((a, b) if given == "logits" else (a.softmax(-1), b.softmax(-1))))
    torch.testing.assert_close(made.compute(), TWINS[metric](amplitudes(z), amplitudes(w)), rtol=1e-5, atol=0)
    made.reset()
    assert made.samples == 0


@pytest.mark.parametrize("metric", TWINS)
def test_two_processes_add_up(metric):
    """What torchmetrics does over processes: sum the states, then compute."""
    z, w = random_logits(30, 4), random_logits(30, 4, seed=1)
    parts, whole = [metric(), metric()], metric()
    parts[0].update(z[:11], w[:11])
    parts[1].update(z[11:], w[11:])
    whole.update(z, w)
    parts[0].total += parts[1].total
    parts[0].samples += parts[1].samples
    torch.testing.assert_close(parts[0].compute(), whole.compute())
    assert all(reduction is torchmetrics.utilities.dim_zero_sum for reduction in whole._reductions.values())


@pytest.mark.parametrize("metric", TWINS)
def test_small_steps_of_logits_keep_their_digits(metric):
    z = random_logits(20, 5)
    w = z + 1e-5 * random_logits(20, 5, seed=1)
    exact = metric()
    exact.update(z.double(), w.double())
    made = metric()
    assert made(z, w).item() == pytest.approx(exact.compute().item(), rel=1e-5)


@pytest.mark.parametrize("metric", TWINS)
def test_gradients_flow_and_a_plot_is_drawn(metric):
    z, w = random_logits(10, 3).requires_grad_(), random_logits(10, 3, seed=1)
    made = metric()
    made(z, w).backward()
    assert z.grad.abs().sum() > 0
    figure, _ = made.plot()
    assert isinstance(figure, matplotlib.figure.Figure)


def test_impossible_input_is_named():
    with pytest.raises(ValueError, match=r"`HellingerDistance\(given='scores'\)`"):
        HellingerDistance(given="scores")
    with pytest.raises(ValueError, match=r"same shape \(N, C\), got \(3, 2\) and \(3, 4\)"):
        HellingerDistance().update(torch.zeros(3, 2), torch.zeros(3, 4))
