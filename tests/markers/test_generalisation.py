"""Late generalisation: what has to be flagged, and what must not be."""

import math

import pytest
import torch

from lightning_infogeo.markers import Event, LateGeneralisation, packed, unpacked

ZERO = torch.zeros((), dtype=torch.float64)
STEPS = [round(1.1**k) + k for k in range(90)]


def followed(held_out, trained, marker=None, state=None, start=0):
    marker = marker or LateGeneralisation()
    state, states = state or marker.start(ZERO), []
    for step, values in zip(STEPS[start:], torch.stack([held_out, trained], dim=1)[start:], strict=False):
        state = marker.extend(state, step, values[:1], values[1:])
        states.append(state)
    return states


def grokking():
    """Falls to 1 at record 20, rises to 3 at record 45, comes down to 0.1; the samples trained on fall throughout."""
    held_out = torch.cat([torch.linspace(2, 1, 21), torch.linspace(1.08, 3, 25), torch.linspace(2.9, 0.1, 44)])
    return held_out.double(), torch.linspace(2, 0, 90).double()


def test_a_return_to_the_truth_after_memorising_is_one_event_dated_where_it_turned():
    held_out, trained = grokking()
    states = followed(held_out, trained)
    firing = states[-1].firing
    assert (firing.times, firing.step) == (1, STEPS[45])
    first_below = next(k for k in range(46, 90) if held_out[k] < 0.9)
    assert firing.detected_at == STEPS[first_below]
    assert abs(firing.strength - math.log(3 / held_out[first_below])) < 1e-6
    event = Event("generalisation", "val", int(firing.step), int(firing.detected_at), float(firing.strength), "")
    assert f"since step {STEPS[45]}, known at" in event.headline


def test_without_a_return_below_the_closest_approach_there_is_none():
    held_out, trained = grokking()
    assert followed(held_out.clamp_min(0.95), trained)[-1].firing.times == 0


def test_a_loss_spike_on_both_is_none():
    held_out, trained = grokking()
    trained = torch.where(torch.arange(90) < 21, trained, 3.0)
    assert followed(held_out, trained)[-1].firing.times == 0


def test_a_path_that_only_falls_or_shakes_is_none():
    noise = 0.1 * torch.randn(90, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert followed(torch.linspace(2, 0.2, 90) * noise.exp(), torch.linspace(2, 0, 90))[-1].firing.times == 0


def test_two_returns_are_two_events():
    held_out, trained = grokking()
    twice = torch.cat([held_out[:60], 0.3 + torch.linspace(0, 2, 15), torch.linspace(2, 0, 15)])
    twice[55:60] = 0.3
    assert followed(twice, trained)[-1].firing.times == 2


def test_records_that_are_not_finite_change_nothing():
    held_out, trained = grokking()
    held_out[[3, 50]], trained[70] = torch.nan, torch.inf
    marker, state = LateGeneralisation(), LateGeneralisation().start(ZERO)
    for k in range(90):
        if k not in (3, 50, 70):
            state = marker.extend(state, STEPS[k], held_out[k : k + 1], trained[k : k + 1])
    assert state.firing.times == 1
    assert all(torch.equal(a, b) for a, b in zip(followed(held_out, trained)[-1][1:], state[1:], strict=True))


def test_it_goes_on_from_a_saved_state():
    held_out, trained = grokking()
    whole, half = followed(held_out, trained), followed(held_out[:50], trained[:50])[-1]
    state = unpacked(LateGeneralisation(), packed(LateGeneralisation(), half), LateGeneralisation().start(ZERO))
    resumed = followed(held_out, trained, state=state, start=50)[-1]
    assert torch.equal(resumed.firing.vector(), whole[-1].firing.vector())


def test_it_reads_nothing_from_the_device():
    marker = LateGeneralisation()
    state = marker.start(torch.zeros((), device="meta"))
    for step in range(20):
        state = marker.extend(state, step, torch.zeros(1, device="meta"), torch.zeros(1, device="meta"))
    assert state.away.device.type == "meta"


@pytest.mark.parametrize(("argument", "value"), [("rise", 0), ("fall", 1), ("fall", 0)])
def test_impossible_settings_are_named(argument, value):
    with pytest.raises(ValueError, match=rf"LateGeneralisation\({argument}={value}\)"):
        LateGeneralisation(**{argument: value})
