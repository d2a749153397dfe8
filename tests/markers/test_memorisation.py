"""Memorisation: what has to be flagged, and what must not be."""

import math

import numpy as np
import pytest
import torch
from torch.func import vmap

from lightning_infogeo.markers import MemorisationOnset, packed, unpacked
from tests.helpers.log_spaced_steps import log_steps

PER_DECADE = {0.03: 78, 0.1: 24, 0.3: 9}


def log_times(steps):
    return torch.tensor(steps, dtype=torch.float64).add(1).log()


def noise(steps, columns, deviation, correlation, seed=0):
    """Normal noise, correlated as given at 3 % and exponentially less over longer log times, shape (R, columns)."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(len(steps), columns, generator=generator, dtype=torch.float64)
    rows = [drawn[0]]
    for gap, new in zip(log_times(steps).diff().tolist(), drawn[1:], strict=True):
        kept = correlation ** (gap / math.log(1.03))
        rows.append(kept * rows[-1] + math.sqrt(1 - kept**2) * new)
    return deviation * torch.stack(rows)


def velocities(steps, at=None, common=0.3, own=0.1, seed=0, growth=1.0):
    """Held-out and trained velocity; from step ``at`` the held-out one exceeds the other ever more."""
    t = log_times(steps)
    both = -0.5 * t + noise(steps, 1, common, 0.0, seed)[:, 0]
    ratio = noise(steps, 1, own, 0.0, seed + 1000)[:, 0]
    if at is not None:
        ratio = ratio + growth * (t - math.log(at)).clamp_min(0)
    return torch.stack([both + ratio, both], dim=1).exp()


def followed(steps, pairs, marker=None, state=None):
    marker = marker or MemorisationOnset()
    state = state or marker.start(torch.zeros((), dtype=torch.float64))
    for step, pair in zip(steps, pairs, strict=True):
        state = marker.extend(state, step, pair[:1], pair[1:])
    return state


def of_each(state, count):
    expanded = (of_each(f, count) if isinstance(f, tuple) else f.expand(count, *f.shape).clone() for f in state)
    return type(state)(*expanded)


def share_flagged(steps, ratios, marker):
    """Share of the columns of ln ratios, shape (R, columns), in which there is an event."""
    state = of_each(marker.start(torch.zeros((), dtype=torch.float64)), ratios.shape[1])
    trained = torch.ones(ratios.shape[1], 1, dtype=torch.float64)
    for step, row in zip(steps, ratios.exp(), strict=True):
        state = vmap(lambda one, a, b, step=step: marker.extend(one, step, a, b))(state, row[:, None], trained)
    return state.firing.times.clamp_max(1).mean().item()


def test_held_out_predictions_that_become_the_faster_ones_are_reported():
    steps = log_steps()
    for seed in range(20):
        firing = followed(steps, velocities(steps, at=300, seed=seed)).firing
        assert firing.times == 1
        assert 200 <= firing.step <= 500
        assert firing.step < firing.detected_at < 700
        assert firing.strength > 1.2


def test_without_noise_it_is_known_as_soon_as_its_size_and_its_duration_suffice():
    steps = log_steps()
    firing = followed(steps, velocities(steps, at=300, common=0.0, own=0.0)).firing
    began = 300 * 1.2**0.5  # from there a ratio of 1.2 is likelier than one of 1
    assert began <= firing.step <= began * 1.11
    # The average lags by its span, and what is averaged has to reach ln 1.2.
    assert 300 * math.exp(0.14) <= firing.detected_at <= 300 * math.exp(0.14 + 0.15) * 1.11**2


def test_noise_is_measured_with_its_correlation_and_without_the_trend():
    for correlation in (0.5, 0.0):
        steps = log_steps(last=10**9, per_decade=PER_DECADE[0.03])
        t = log_times(steps)
        ratios = noise(steps, 1, 0.1, correlation)[:, 0] + 0.5 * (t - t.mean())
        pairs = torch.stack([ratios, torch.zeros_like(ratios)], dim=1).exp()
        measured = followed(steps, pairs).noise.item() * math.sqrt(math.pi / 2)
        if correlation:
            assert measured == pytest.approx(0.1, rel=0.2)
        else:  # what is independent counts as more than it is: never as less
            assert 0.1 < measured < 0.2


def test_evidence_is_the_greatest_sum_of_log_likelihood_ratios_that_ends_at_the_record():
    steps = log_steps()
    pairs = velocities(steps, at=1000, own=0.2)
    t, x = log_times(steps).numpy(), pairs.log().numpy() @ np.array([1.0, -1.0])
    gains, size = np.zeros(len(x)), 0.0

    def correlation(gap):
        return min(0.5, 0.5 ** (gap / 0.03))

    for k in range(2, len(x)):
        later, earlier = t[k] - t[k - 1], t[k - 1] - t[k - 2]
        weights = np.array([1, -1 - later / earlier, later / earlier])
        r, s = correlation(later), correlation(earlier)
        covariance = np.array([[1, r, r * s], [r, 1, s], [r * s, s, 1]])
        missed = abs(weights @ x[[k, k - 1, k - 2]]) / math.sqrt(weights @ covariance @ weights)
        size += max(1 - math.exp(-later / 2), 1 / (k - 1)) * (missed - size)
        deviation = size * math.sqrt(math.pi / 2) * math.sqrt(1 + 16 / (k - 1))
        surplus = np.clip(x[k] - math.log(1.2) / 2, -4 * deviation, 4 * deviation)
        gains[k] = math.log(1.2) * surplus / deviation**2 * (1 - r) / (1 + r)
    marker, states = MemorisationOnset(), []
    state = marker.start(torch.zeros((), dtype=torch.float64))
    for step, pair in zip(steps, pairs, strict=True):
        state = marker.extend(state, step, pair[:1], pair[1:])
        states.append(state)
    ends = [max(0, *np.cumsum(gains[: k + 1][::-1])) for k in range(len(x))]
    assert [s.evidence.item() for s in states] == pytest.approx(ends)
    assert sum(end == 0 for end in ends) > 10
    assert ends[-1] > 10


@pytest.mark.parametrize("spacing", PER_DECADE)
@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_velocities_that_stay_alike_are_reported_no_more_often_than_the_level_says(spacing, correlation):
    steps = log_steps(last=10000, per_decade=PER_DECADE[spacing])
    for deviation in (0.05, 0.2):
        assert share_flagged(steps, noise(steps, 400, deviation, correlation), MemorisationOnset()) <= 0.025
    everywhere = 0.5 * (log_times(steps) - math.log(300)).clamp_min(0)[:, None]
    assert share_flagged(steps, noise(steps, 400, 0.2, correlation) + everywhere, MemorisationOnset()) >= 0.95


def test_the_level_can_be_missed_where_noise_lasts_longer_than_is_assumed():
    steps = log_steps(last=10000, per_decade=PER_DECADE[0.03])
    assert share_flagged(steps, noise(steps, 400, 0.2, 0.9), MemorisationOnset()) > 0.1


def test_a_stricter_level_waits_for_more_evidence():
    steps = log_steps()
    pairs = velocities(steps, at=300, own=0.4)
    known = [followed(steps, pairs, MemorisationOnset(alpha=a)).firing.detected_at.item() for a in (0.1, 0.01, 1e-6)]
    assert known == sorted(known)
    assert known[0] < known[-1]


def test_a_lasting_difference_below_the_ratio_is_not_reported():
    steps = log_steps()
    pairs = velocities(steps, own=0.03)
    pairs[:, 0] *= 1.1
    assert followed(steps, pairs).firing.times == 0
    assert followed(steps, pairs, MemorisationOnset(ratio=1.05)).firing.times == 1


@pytest.mark.parametrize("spacing", PER_DECADE)
def test_a_single_record_decides_nothing(spacing):
    steps = log_steps(per_decade=PER_DECADE[spacing])
    for own in (0.0, 0.03):
        pairs = velocities(steps, own=own)
        pairs[len(steps) // 2, 0] *= 20
        assert followed(steps, pairs).firing.times == 0
        pairs[len(steps) // 2 :, 0] *= 20
        assert followed(steps, pairs).firing.times == 1


def test_the_first_eight_records_are_never_enough():
    steps = log_steps()
    pairs = torch.stack([torch.full((len(steps),), 3.0), torch.ones(len(steps))], dim=1).double()
    assert followed(steps, pairs).firing.detected_at == steps[8]


def test_persistence_is_the_least_time_between_the_beginning_and_the_flag():
    steps = log_steps()
    pairs = velocities(steps, at=300, own=0.02)
    for persistence in (0.12, 0.4, 0.8):
        firing = followed(steps, pairs, MemorisationOnset(persistence=persistence)).firing
        assert firing.times == 1
        assert math.log((firing.detected_at + 1) / (firing.step + 1)) >= persistence - 0.01


@pytest.mark.parametrize("growth", [0.3, 1.0])
def test_records_three_times_as_far_apart_change_the_flag_by_one_record_at_most(growth):
    steps = log_steps(last=20000, per_decade=PER_DECADE[0.03])
    for seed in range(10):
        pairs = velocities(steps, at=300, own=0.02, seed=seed, growth=growth)
        dense, thinned = (followed(steps[::k], pairs[::k]).firing for k in (1, 3))
        assert dense.times == thinned.times == 1
        record = [sum(step < f.detected_at for step in steps[::3]) for f in (dense, thinned)]
        assert abs(record[0] - record[1]) <= 1


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


@pytest.mark.parametrize("records", [1, 2, 3, 30, 60])
def test_it_goes_on_from_a_saved_state(records):
    steps, marker = log_steps(), MemorisationOnset()
    pairs = velocities(steps, at=300)
    whole = followed(steps, pairs)
    half = followed(steps[:records], pairs[:records])
    state = unpacked(marker, packed(marker, half), marker.start(torch.zeros((), dtype=torch.float64)))
    assert torch.equal(followed(steps[records:], pairs[records:], marker, state).firing.vector(), whole.firing.vector())
    assert whole.firing.times == 1


def test_it_reads_nothing_from_the_device():
    marker = MemorisationOnset()
    state = marker.start(torch.zeros((), device="meta"))
    for step in range(20):
        state = marker.extend(state, step, torch.zeros(1, device="meta"), torch.zeros(1, device="meta"))
    assert state.level.device.type == "meta"


@pytest.mark.parametrize("arguments", [{"alpha": 0}, {"alpha": 0.7}, {"ratio": 1}, {"persistence": -0.1}])
def test_impossible_settings_are_named(arguments):
    (name, value), *_ = arguments.items()
    with pytest.raises(ValueError, match=rf"MemorisationOnset\({name}={value}\)"):
        MemorisationOnset(**arguments)
