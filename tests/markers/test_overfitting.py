"""The onset of overfitting: what has to be flagged and dated, and what must not be."""

import copy
import math

import pytest
import torch

from lightning_infogeo.markers import OverfittingOnset, packed, unpacked
from tests.helpers.log_spaced_steps import log_steps

SAMPLES = 300


def followed(steps, distances, marker=None):
    """Every state after a record; ``distances`` has shape (records, N)."""
    marker = marker or OverfittingOnset()
    state, states = marker.start(distances[0]), []
    for step, x in zip(steps, distances, strict=True):
        state = marker.extend(state, step, x)
        states.append(state)
    return states


def fired(states):
    return states[-1].firing.times > 0


def turning(steps, at=300, rise=0.3, seed=0, spread=0.2, dtype=torch.float64, step_noise=0.0):
    """Distances of samples whose mean falls until step ``at``, and then rises on a tenth of them."""
    generator = torch.Generator().manual_seed(seed)
    t = torch.tensor(steps, dtype=dtype).add(1).log10()[:, None]
    best = math.log10(at + 1)
    base = torch.rand(SAMPLES, generator=generator, dtype=dtype)
    hard = (torch.arange(SAMPLES) % 10 == 0).to(dtype) * 10 * (rise / 2)
    walk = torch.randn(len(steps), SAMPLES, generator=generator, dtype=dtype).cumsum(0) * spread / len(steps)
    shaken = torch.randn(len(steps), 1, generator=generator, dtype=dtype) * step_noise
    return base + (best - t).clamp_min(0) ** 2 + hard * (t - best).clamp_min(0) ** 2 + walk + shaken


def test_a_turn_away_from_the_truth_is_flagged_and_dated():
    steps = log_steps()
    states = followed(steps, turning(steps, at=300, rise=1.0))
    firing = states[-1].firing
    assert firing.times == 1
    assert 240 <= firing.step <= 375
    assert 300 < firing.detected_at < 1500
    first = next(state for state in states if state.firing.times > 0)
    assert firing.strength == first.rise > 0.02


def test_without_noise_the_onset_is_right_within_a_record():
    for at in (40, 300, 1500):
        steps = log_steps()
        firing = followed(steps, turning(steps, at=at, rise=3.0, spread=0.0))[-1].firing
        assert firing.times == 1
        nearest = min(range(len(steps)), key=lambda k: abs(steps[k] - at))
        assert steps[nearest - 1] <= firing.step <= steps[nearest + 1]


@pytest.mark.parametrize("spacing", [8, 24, 78])  # 30 %, 10 % and 3 % between records
def test_a_path_that_goes_on_towards_the_truth_is_not_flagged(spacing):
    steps = log_steps(per_decade=spacing)
    for seed in range(5):
        assert not fired(followed(steps, turning(steps, at=4000, rise=0.0, seed=seed)))


def test_an_unstable_training_that_does_not_rise_is_not_flagged():
    steps = log_steps()
    for seed in range(20):
        assert not fired(followed(steps, turning(steps, at=100, rise=0.0, step_noise=0.05, seed=seed)))


def null_flags(alpha, heavy, trajectories=1000, rise=0.0, step_noise=0.0):
    """The share of ``trajectories`` flagged, whose samples wander without a mean, with long tails upwards."""
    marker, steps = OverfittingOnset(alpha=alpha), log_steps(2000)
    generator = torch.Generator().manual_seed(1)
    x = torch.ones(trajectories, SAMPLES)
    state = torch.vmap(marker.start)(x)
    scale = torch.rand(trajectories, SAMPLES, generator=generator) ** (4 if heavy else 0) * 0.3
    before = 0.0
    for step in steps:
        elapsed = math.log(step + 1) - before
        before += elapsed
        drawn = -torch.rand(trajectories, SAMPLES, generator=generator).log() - 1  # exponential, without its mean
        x = x + scale * drawn * math.sqrt(elapsed) + rise * elapsed
        seen = x + step_noise * torch.randn(trajectories, 1, generator=generator)
        state = torch.vmap(marker.extend, in_dims=(0, None, 0))(state, step, seen)
    return float((state.firing.times > 0).float().mean())


@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("step_noise", [0.0, 0.02])
def test_flat_trajectories_are_flagged_no_more_often_than_alpha(heavy, step_noise):
    assert null_flags(0.01, heavy, step_noise=step_noise) <= 0.01 + 3 * math.sqrt(0.01 * 0.99 / 1000)
    assert null_flags(0.1, heavy, step_noise=step_noise) <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / 1000)


def test_the_same_trajectories_are_flagged_when_their_mean_rises():
    assert null_flags(0.01, heavy=False, rise=0.04) > 0.9


def test_a_rise_on_a_few_samples_is_seen_although_most_improve():
    steps = log_steps()
    x = turning(steps, at=200, rise=1.0)
    t = torch.tensor(steps, dtype=torch.float64).add(1).log10()[:, None]
    improving = (torch.arange(SAMPLES) % 10 != 0).double() * 0.02
    x = x - improving * (t - math.log10(201)).clamp_min(0)
    assert (x[-1] < x[steps.index(min(steps, key=lambda s: abs(s - 200)))]).double().mean() > 0.5
    assert fired(followed(steps, x))


def test_less_suffices_while_the_samples_trained_on_go_on():
    """A rise of 15 % that chance might just explain, with and without a training that goes on."""
    steps = log_steps()
    x = turning(steps, at=100, rise=0.0, spread=0.0)[:, :40]
    t = torch.tensor(steps, dtype=torch.float64).add(1).log10()[:, None]
    hard = torch.zeros(40, dtype=torch.float64)
    hard[[3, 11]] = 1.5
    x = x + hard * (t - math.log10(101)).clamp_min(0)
    marker = OverfittingOnset()
    for trained, expected in ((None, 0), (1.0, 0), (math.nan, 0), ("falls", 1)):
        state = marker.start(x[0])
        for k, (step, distances) in enumerate(zip(steps, x, strict=True)):
            told = torch.tensor(1 / (1 + k)) if trained == "falls" else trained and torch.tensor(trained)
            state = marker.extend(state, step, distances, told)
        assert state.firing.times == expected
        assert state.rise > 0.1
    same = OverfittingOnset(alpha_learning=0.01)
    assert same.learning_threshold <= same.thresholds[0]


def test_records_that_are_not_finite_change_nothing():
    steps = log_steps()
    x = turning(steps, rise=1.0)
    broken, places = x.clone(), [3, 30, 31, len(steps) - 4]
    broken[places, 5] = torch.nan
    broken[20] = torch.nan
    kept = [k for k in range(len(steps)) if k not in (*places, 20)]
    a = followed(steps, broken)[-1]
    b = followed([steps[k] for k in kept], x[kept])[-1]
    for left, right in zip(a[1:], b[1:], strict=True):
        torch.testing.assert_close(left, right, rtol=0, atol=0, equal_nan=True)
    assert a.firing.times == b.firing.times == 1


@pytest.mark.parametrize("excluded", [torch.inf, 1.7e38, 5e8, 5e3])
def test_a_sample_whose_label_the_model_excludes_does_not_hide_the_others(excluded):
    """By a logit of −∞, or the finite masks of float32, −10⁹ and −10⁴."""
    steps = log_steps()
    x = turning(steps, rise=1.0, dtype=torch.float32)
    without = followed(steps, x)
    x[:, 5] = excluded
    states = followed(steps, x)
    assert without[-1].firing.times == states[-1].firing.times == 1
    assert states[-1].firing.step == pytest.approx(float(without[-1].firing.step), rel=0.1)
    for field in ("rise", "resolution", "noise"):
        assert getattr(states[-1], field).isfinite()
    x[: len(steps) // 3, 5] = 0.3  # excluded only from then on
    assert all(value.isfinite() for value in (followed(steps, x)[-1].rise, followed(steps, x)[-1].noise))


def test_it_goes_on_from_a_saved_state_between_onset_and_detection():
    steps = log_steps()
    x, marker = turning(steps, rise=1.0, dtype=torch.float32), OverfittingOnset()
    states = followed(steps, x, marker)
    at = next(k for k, state in enumerate(states) if state.firing.times > 0) - 2
    assert steps[at] > states[-1].firing.step
    state = unpacked(copy.deepcopy(packed(states[at])), marker.start(x[0]))
    for step, distances in zip(steps[at + 1 :], x[at + 1 :], strict=True):
        state = marker.extend(state, step, distances)
    assert torch.equal(marker.reading(state), marker.reading(states[-1]))


@pytest.mark.parametrize("samples", [1, 2])
def test_one_or_two_samples_break_nothing(samples):
    steps = log_steps(200)
    states = followed(steps, turning(steps)[:, :samples])
    assert OverfittingOnset().reading(states[-1])[[0, 4, 5]].isfinite().all()


def test_perfect_predictions_do_not_count_as_rising():
    steps = log_steps()
    x = torch.zeros(len(steps), SAMPLES)
    x[len(steps) // 2 :] = 1e-5
    assert not fired(followed(steps, x))


def test_half_precision_distances_are_taken_as_they_are():
    steps = log_steps()
    x = turning(steps, rise=3.0, dtype=torch.float32).bfloat16()
    marker = OverfittingOnset()
    state = marker.start(x[0].float())
    for step, distances in zip(steps, x, strict=True):
        state = marker.extend(state, step, distances)
    assert state.firing.times == 1


def test_it_reads_nothing_from_the_device():
    marker = OverfittingOnset()
    state = marker.start(torch.zeros(50, device="meta"))
    for step in log_steps(200):
        state = marker.extend(state, step, torch.zeros(50, device="meta"))
    assert marker.reading(state).device.type == "meta"


def test_three_answers():
    marker = OverfittingOnset(matters=0.1)
    assert marker.verdict(True, 500, resolution=0.05).answer == "flagged"
    assert marker.verdict(False, 500, resolution=0.05).answer == "clean"
    undecidable = marker.verdict(False, 500, resolution=0.2)
    assert (undecidable.answer, undecidable.samples) == ("undecidable", 2000)


def test_a_small_probe_of_hard_samples_cannot_decide():
    steps = log_steps()
    x = turning(steps, at=100, rise=0.0, spread=2.0)[:, :8]
    marker = OverfittingOnset()
    reading = marker.reading(followed(steps, x)[-1])
    verdict = marker.verdict(bool(reading[0]), 8, resolution=float(reading[-1]))
    assert verdict.answer == "undecidable"
    assert verdict.samples > 8


@pytest.mark.parametrize(
    "arguments", [{"alpha": 0}, {"alpha": 0.5}, {"alpha_learning": 0.6}, {"rise": 0}, {"matters": -1}]
)
def test_impossible_settings_are_named(arguments):
    (name, value), *_ = arguments.items()
    with pytest.raises(ValueError, match=rf"OverfittingOnset\({name}={value}\)"):
        OverfittingOnset(**arguments)
