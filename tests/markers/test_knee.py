"""Knees of the length: what has to be flagged, and what must not be."""

import math

import pytest
import torch

from lightning_infogeo.markers import LogLogKnee, knee, packed, unpacked

ZERO = torch.zeros((), dtype=torch.float64)


def path(early=1.0, late=0.3, at=300, noise=0.25, last=10_000, seed=0):
    """Steps, and a length that grows as t^early up to ``at`` and as t^late from there, by noisy increments."""
    generator = torch.Generator().manual_seed(seed)
    steps = sorted({round(10 ** (k / 24)) for k in range(int(24 * math.log10(last)) + 1)})
    t = torch.tensor(steps, dtype=torch.float64)
    length = t**early / (1 + (t / at) ** 6) ** ((early - late) / 6)
    increments = length.diff(prepend=ZERO[None])
    shaken = 1 + noise * torch.randn(len(t), generator=generator, dtype=torch.float64)
    return steps, (increments * shaken.clamp_min(0.05)).cumsum(0)


def followed(steps, lengths, marker=None, state=None):
    marker = marker or LogLogKnee()
    state = state or marker.start(ZERO)
    for step, length in zip(steps, lengths, strict=True):
        state = marker.extend(state, step, length.reshape(1))
    return state


def test_a_knee_is_found_once_and_dated():
    found = [followed(*path(seed=seed)).firing for seed in range(20)]
    assert all(firing.times >= 1 for firing in found)
    assert sum(firing.times == 1 for firing in found) >= 18
    right = [1 / 1.3 < firing.step / 300 < 1.3 for firing in found]
    assert sum(right) >= 16
    assert all(firing.step < firing.detected_at for firing in found)


@pytest.mark.parametrize("at", [100, 1000])
def test_without_noise_the_knee_is_right_within_a_record(at):
    steps, lengths = path(at=at, noise=0.0, last=20_000)
    firing = followed(steps, lengths).firing
    assert firing.times == 1
    assert 1 / 1.12 <= firing.step / at <= 1.12
    assert firing.strength < -0.4


def test_power_laws_have_no_knee():
    found = [followed(*path(early=a, late=a, seed=seed)).firing.times.item() for seed in range(50) for a in (0.5, 1.0)]
    assert sum(count > 0 for count in found) <= 4


def test_records_before_anything_moves_and_without_a_length_count_as_unchanged():
    steps, lengths = path(noise=0.0)
    broken = lengths.clone()
    broken[[70, 80]] = torch.nan
    still = torch.cat([torch.zeros(3, dtype=torch.float64), lengths[3:]])
    clean = followed(steps, lengths).firing
    assert torch.equal(followed(steps, still).firing.vector(), clean.vector())
    firing = followed(steps, broken).firing
    assert firing.times >= 1
    assert abs(math.log(firing.step / clean.step)) < 0.3
    assert followed(steps, torch.zeros(len(steps))).firing.times == 0


def test_it_goes_on_from_a_saved_state():
    steps, lengths = path(noise=0.1)
    whole, half = followed(steps, lengths), followed(steps[:60], lengths[:60])
    state = unpacked(LogLogKnee(), packed(LogLogKnee(), half), LogLogKnee().start(ZERO))
    assert isinstance(state.steps, tuple)
    assert torch.equal(followed(steps[60:], lengths[60:], state=state).firing.vector(), whole.firing.vector())
    assert whole.firing.times == 1


def test_the_state_is_bounded_and_every_step_can_be_recorded():
    steps = list(range(2000))
    lengths = torch.tensor(steps, dtype=torch.float64)
    state = followed(steps, lengths)
    assert len(state.steps) == len(state.values) == 128
    assert state.firing.times == 0


def test_it_reads_nothing_from_the_device():
    marker = LogLogKnee()
    state = marker.start(torch.zeros((), device="meta"))
    for step in path()[0]:
        state = marker.extend(state, step, torch.zeros(1, device="meta"))
    assert state.least.device.type == "meta"


@pytest.mark.parametrize("argument", ["window", "depth"])
def test_impossible_settings_are_named(argument):
    with pytest.raises(ValueError, match=rf"LogLogKnee\({argument}=-1\)"):
        LogLogKnee(**{argument: -1})


def test_the_offline_twin_recovers_the_knee_within_a_tenth():
    errors = []
    for seed in range(30):
        steps, lengths = path(seed=seed)
        errors.append(abs(math.log(knee(torch.tensor(steps), lengths).step / 300)))
    assert sorted(errors)[15] < 0.1


def test_the_offline_twin_leaves_out_what_it_cannot_use():
    steps, lengths = path(noise=0.0)
    broken = lengths.clone()
    broken[50] = torch.nan
    found = knee(torch.tensor(steps), broken)
    assert abs(math.log(found.step / 300)) < 0.05
    assert found.curvatures.min() == found.curvature
    assert len(found.steps) == len(found.curvatures)
    with pytest.raises(ValueError, match="needs 8 records after step 10, got 3"):
        knee(torch.tensor([1, 5, 10, 20, 30]), torch.arange(1.0, 6.0))
