"""Shadows of a run: that they differ from it by what other samples and the noise of training would have made."""

import math

import pytest
import torch
from scipy import stats

from lightning_infogeo.markers.shadow_runs import SHADOWS, ShadowRuns, multipliers, resampled

ONE = torch.ones((), dtype=torch.float64)


def followed(distances, closest=None, deviation=0.0):
    """The shadows after each record, each weighing as much as all; ``distances`` has shape (records, N)."""
    shadows, drawn, states = ShadowRuns.none(distances[0]), multipliers(distances.shape[1], distances[0]), []
    for k, x in enumerate(distances):
        level = ONE if closest is None else closest[k]
        chances = resampled(x, x.mean(-1, keepdim=True), drawn)
        shadows = shadows.after(chances, drawn, level, ONE * deviation, ONE * k, ONE)
        states.append(shadows)
    return states


@pytest.mark.parametrize("samples", [2, 100, 512, 5000, 9001])
def test_two_records_of_a_shadow_differ_as_the_means_over_other_samples_would(samples):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, samples, generator=generator, dtype=torch.float64).exp()
    before, after = (state.level for state in followed(x))
    expected = float((x[1] - x[0]).std()) / math.sqrt(samples)
    assert float((after - before).std()) == pytest.approx(expected, rel=0.25)
    assert abs(float((after - before).mean())) < 1e-9 * max(expected, 1)


def test_many_draws_of_such_differences_have_the_standard_error():
    generator = torch.Generator().manual_seed(2)
    ratios = []
    for _ in range(50):
        x = torch.randn(2, 300, generator=generator, dtype=torch.float64).exp()
        before, after = (state.level for state in followed(x))
        ratios.append(float((after - before).std()) / (float((x[1] - x[0]).std()) / math.sqrt(300)))
    assert sum(ratios) / 50 == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("samples", [5000, 20_000, 100_001])
def test_samples_in_the_order_of_their_classes_are_as_good_as_any(samples):
    generator = torch.Generator().manual_seed(3)
    classes = torch.arange(samples) * 10 // samples
    x = torch.randn(2, samples, generator=generator, dtype=torch.float64) + torch.stack([0 * classes, classes])
    before, after = (state.level for state in followed(x))
    expected = float((x[1] - x[0]).std()) / math.sqrt(samples)
    assert float((after - before).std()) == pytest.approx(expected, rel=0.25)


def test_what_is_the_same_for_all_samples_is_not_sampling():
    x = torch.tensor([[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]], dtype=torch.float64)
    before, after = (state.level for state in followed(x))
    torch.testing.assert_close(before, after)


def test_a_single_sample_and_equal_ones_have_no_sampling_error():
    for x in (torch.tensor([[1.0], [4.0]]), torch.ones(2, 50)):
        assert torch.equal(followed(x.double())[-1].level, torch.ones(SHADOWS, dtype=torch.float64))


def test_the_noise_of_training_is_relative_and_correlated():
    states = followed(torch.zeros(400, 3, dtype=torch.float64), closest=torch.full((400,), 2.0).double(), deviation=0.1)
    levels = torch.stack([state.level for state in states]) - 2
    assert float(levels.std()) == pytest.approx(0.2, rel=0.05)
    assert float((levels[1:] * levels[:-1]).mean() / levels.square().mean()) == pytest.approx(0.5, abs=0.05)
    across = torch.corrcoef(levels.T)
    assert float((across - torch.eye(SHADOWS)).abs().mean()) < 0.1


def test_shadows_follow_the_run_down_and_never_rise_but_by_chance():
    falling = torch.linspace(2, 1, 30, dtype=torch.float64)
    states = followed(torch.zeros(30, 5, dtype=torch.float64), closest=falling)
    assert torch.equal(states[-1].level, falling[-1].expand(SHADOWS))
    assert not states[-1].farthest.any()


def test_the_farthest_rise_is_that_of_a_path_over_its_least():
    states = followed(torch.zeros(50, 5, dtype=torch.float64), deviation=0.1)
    levels = torch.stack([state.level for state in states])
    farthest = (levels - levels.cummin(0).values).amax(0)
    torch.testing.assert_close(states[-1].farthest, farthest)


@pytest.mark.parametrize("alpha", [0.001, 0.01, 0.1, 0.3])
def test_the_threshold_is_the_quantile_of_gumbels_law(alpha):
    law = stats.gumbel_r(loc=0.4, scale=0.07)
    shadows = ShadowRuns.none(ONE)._replace(farthest=torch.from_numpy(law.ppf((torch.arange(SHADOWS) + 0.5) / SHADOWS)))
    assert float(shadows.threshold(alpha)) == pytest.approx(law.isf(alpha), rel=0.02)


@pytest.mark.parametrize("samples", [1, 63, 512, 100_000])
def test_multipliers_are_standard_the_same_always_and_bounded_in_number(samples):
    drawn = multipliers(samples, ONE)
    assert drawn.shape == (max(min(samples, 4096), 512), SHADOWS)
    torch.testing.assert_close(drawn.mean(1), torch.zeros_like(drawn[:, 0]), atol=1e-12, rtol=0)
    torch.testing.assert_close(drawn.var(1, correction=0), torch.ones_like(drawn[:, 0]))
    assert torch.equal(drawn, multipliers(samples, ONE))
    assert multipliers(samples, torch.zeros(1, device="meta")).device.type == "meta"
