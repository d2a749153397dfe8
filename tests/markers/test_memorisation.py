"""Memorisation: what has to be flagged, and what must not be."""

import math

import pytest
import torch

from lightning_infogeo.markers import MemorisationOnset, packed, unpacked
from tests.helpers.log_spaced_steps import log_steps


def velocities(steps, at=None, noise=0.3, seed=0, growth=1.0):
    """Held-out and trained velocity; from step ``at`` the held-out one exceeds the other ever more."""
    generator = torch.Generator().manual_seed(seed)
    t = torch.tensor(steps, dtype=torch.float64).add(1).log()
    common = -0.5 * t + noise * torch.randn(len(steps), generator=generator, dtype=torch.float64)
    own = 0.1 * torch.randn(len(steps), generator=generator, dtype=torch.float64)
    ratio = torch.zeros_like(t) if at is None else growth * (t - math.log(at)).clamp_min(0)
    return torch.stack([common + own + ratio, common], dim=1).exp()


def followed(steps, pairs, marker=None, state=None):
    marker = marker or MemorisationOnset()
    state = state or marker.start(torch.zeros((), dtype=torch.float64))
    for step, pair in zip(steps, pairs, strict=True):
        state = marker.extend(state, step, pair[:1], pair[1:])
    return state


def test_held_out_predictions_that_become_the_faster_ones_are_reported():
    steps = log_steps()
    firing = followed(steps, velocities(steps, at=300)).firing
    assert firing.times == 1
    assert 200 <= firing.step <= 450
    assert firing.step < firing.detected_at < 900
    assert firing.strength > 1.25


def test_without_noise_of_its_own_the_crossing_is_right_within_two_records():
    steps = log_steps()
    pairs = velocities(steps, at=300, noise=0.0)
    pairs[:, 0] *= 0.9  # crosses where the growth makes up for it
    t = torch.tensor(steps, dtype=torch.float64).add(1).log()
    pairs[:, 0] = pairs[:, 1] * (0.9 * ((t - math.log(300)).clamp_min(0)).exp())
    firing = followed(steps, pairs).firing
    assert firing.times == 1
    assert 300 / 0.9 / 1.2 <= firing.step <= 300 / 0.9 * 1.2


def test_velocities_that_stay_alike_are_not_reported():
    steps = log_steps()
    found = [followed(steps, velocities(steps, seed=seed)).firing.times.item() for seed in range(100)]
    assert sum(found) <= 1


def test_a_lasting_difference_below_the_ratio_is_not_reported():
    steps = log_steps()
    pairs = velocities(steps)
    pairs[:, 0] *= 1.2
    assert followed(steps, pairs).firing.times == 0
    assert followed(steps, pairs, MemorisationOnset(ratio=1.05)).firing.times == 1


def test_records_without_a_velocity_change_nothing():
    steps = log_steps()
    pairs = velocities(steps, at=300)
    broken = pairs.clone()
    broken[[0, 10, 40], 0] = torch.nan
    broken[[20, 41], 1] = 0.0  # a model that stands still has no ratio
    kept = [k for k in range(len(steps)) if k not in (0, 10, 40, 20, 41)]
    a, b = followed(steps, broken), followed([steps[k] for k in kept], pairs[kept])
    assert torch.equal(a.firing.vector(), b.firing.vector())
    assert a.firing.times == 1


def test_it_goes_on_from_a_saved_state():
    steps, marker = log_steps(), MemorisationOnset()
    pairs = velocities(steps, at=300)
    whole = followed(steps, pairs)
    half = followed(steps[:60], pairs[:60])
    state = unpacked(marker, packed(marker, half), marker.start(torch.zeros((), dtype=torch.float64)))
    assert torch.equal(followed(steps[60:], pairs[60:], marker, state).firing.vector(), whole.firing.vector())


def test_it_reads_nothing_from_the_device():
    marker = MemorisationOnset()
    state = marker.start(torch.zeros((), device="meta"))
    for step in range(20):
        state = marker.extend(state, step, torch.zeros(1, device="meta"), torch.zeros(1, device="meta"))
    assert state.ratio.device.type == "meta"


@pytest.mark.parametrize("arguments", [{"alpha": 0}, {"alpha": 0.7}, {"ratio": 0.9}])
def test_impossible_settings_are_named(arguments):
    (name, value), *_ = arguments.items()
    with pytest.raises(ValueError, match=rf"MemorisationOnset\({name}={value}\)"):
        MemorisationOnset(**arguments)
