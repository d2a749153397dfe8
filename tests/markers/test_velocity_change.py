"""Changes of velocity: what has to be flagged, and what must not be."""

import builtins
import math

import pytest
import torch

from lightning_infogeo.markers import VelocityChange, packed, unpacked, velocity_changes

ZERO = torch.zeros((), dtype=torch.float64)


def log_step(record):
    """Steps 10 % apart, as the default schedule makes them."""
    return round(20 * 1.1**record)


def speeds(records=100, sigma=0.3, jump=0.0, at=60, slope=-0.5, seed=0, runs=1):
    """Velocities that fall by a power law on a log-spaced schedule, with noise, and change once."""
    generator = torch.Generator().manual_seed(seed)
    trend = slope * torch.tensor([math.log(log_step(k)) for k in range(records)], dtype=torch.float64)[:, None]
    noise = sigma * torch.randn(records, runs, generator=generator, dtype=torch.float64)
    return (trend + noise + jump * (torch.arange(records) >= at)[:, None]).exp()


def followed(velocity, marker=None, state=None, start=0):
    """The states after each record; velocities of shape (records,)."""
    marker = marker or VelocityChange()
    state, states = state or marker.start(ZERO), []
    for record, value in enumerate(velocity, start):
        state = marker.extend(state, log_step(record), value.reshape(1))
        states.append(state)
    return states


@pytest.mark.parametrize("jump", [-2.3, 2.3])
def test_a_tenfold_change_is_known_at_its_third_record_and_dated(jump):
    found = [followed(speeds(90, sigma=0.2, jump=jump, seed=seed)[:, 0])[-1].firing for seed in range(20)]
    seen = [firing for firing in found if firing.times == 1]
    assert len(seen) >= 18
    for firing in seen:
        assert abs(firing.step - log_step(60)) <= 0.11 * log_step(60)
        assert firing.detected_at <= log_step(63)
        assert math.copysign(1, firing.strength) == math.copysign(1, jump)
        assert abs(firing.strength - jump) < 0.8


def test_without_noise_the_change_is_dated_exactly():
    firing = followed(speeds(90, sigma=0.0, jump=-2.3)[:, 0])[-1].firing
    assert (firing.times, firing.step, firing.detected_at) == (1, log_step(60), log_step(62))
    assert abs(firing.strength + 2.3) < 1e-3


def alarms(velocity):
    runs = velocity.shape[1]
    marker = VelocityChange()
    state = torch.vmap(marker.start)(torch.zeros(runs, dtype=torch.float64))
    for record, values in enumerate(velocity):
        state = torch.vmap(marker.extend, in_dims=(0, None, 0))(state, log_step(record), values[:, None])
    return float(state.firing.times.sum())


@pytest.mark.parametrize("sigma", [0.1, 0.3, 0.6])
def test_a_power_law_with_noise_raises_less_than_one_alarm_in_two_thousand_records(sigma):
    assert alarms(speeds(100, sigma=sigma, runs=400)) <= 400 * 100 / 2000


def test_the_same_power_laws_raise_one_each_where_they_change():
    assert alarms(speeds(100, sigma=0.2, runs=400, jump=-3.0)) >= 380


def test_a_bend_is_no_change():
    """From a standing velocity to a decline by t^−3, and to an exponential one through six e-folds."""
    log_t = torch.tensor([math.log(log_step(k) / log_step(50)) for k in range(80)], dtype=torch.float64)[:, None]
    noise = 0.15 * torch.randn(80, 200, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    assert alarms((noise - 3 * log_t.clamp_min(0)).exp()) <= 4
    assert alarms((noise - log_t.exp().clamp_max(6)).exp()) <= 4


def test_a_single_record_far_off_is_no_change():
    velocity = speeds(90, sigma=0.2, runs=200)
    velocity[50] *= 0.03
    velocity[70] *= 30
    assert alarms(velocity) <= 4


def test_where_records_are_far_apart_more_is_asked():
    for spacing, expected in ((1.15, 1), (1.35, 0)):
        marker, state = VelocityChange(), VelocityChange().start(ZERO)
        for record in range(40):
            value = torch.tensor([math.exp(-1.5 * (record >= 30))], dtype=torch.float64)
            state = marker.extend(state, round(100 * spacing**record), value)
        assert state.firing.times == expected


def test_two_changes_are_two_events():
    velocity = speeds(160, sigma=0.2, jump=-2.3)
    velocity[110:] *= 12
    states = followed(velocity[:, 0])
    assert states[100].firing.times == 1
    assert states[-1].firing.times == 2
    assert abs(states[-1].firing.step - log_step(110)) <= 0.11 * log_step(110)


def test_records_without_a_velocity_change_nothing():
    velocity = speeds(90, sigma=0.1, jump=-2.3)[:, 0]
    broken = velocity.clone()
    broken[[5, 30, 75]] = torch.nan
    broken[31] = torch.inf
    marker, state = VelocityChange(), VelocityChange().start(ZERO)
    for record, value in enumerate(velocity):
        if record not in (5, 30, 31, 75):
            state = marker.extend(state, log_step(record), value.reshape(1))
    assert state.firing.times == 1
    assert all(torch.equal(a, b) for a, b in zip(followed(broken)[-1][1:], state[1:], strict=True))


def test_standing_still_and_moving_again_breaks_nothing():
    velocity = speeds(90, sigma=0.1)[:, 0]
    velocity[60:] = 0
    firing = followed(velocity)[-1].firing
    assert firing.times >= 1
    assert firing.strength < -10
    message = VelocityChange().message(event(firing))
    assert "slower" in message
    assert followed(torch.zeros(50))[-1].firing.times == 0


def event(firing):
    from lightning_infogeo.markers import Event

    return Event("velocity_change", "val", int(firing.step), int(firing.detected_at), float(firing.strength), "")


def test_it_goes_on_from_a_saved_state():
    velocity = speeds(90, sigma=0.1, jump=2.3)[:, 0]
    whole, half = followed(velocity), followed(velocity[:61])[-1]
    state = unpacked(VelocityChange(), packed(VelocityChange(), half), VelocityChange().start(ZERO))
    assert torch.equal(followed(velocity[61:], state=state, start=61)[-1].firing.vector(), whole[-1].firing.vector())


def test_it_reads_nothing_from_the_device():
    state = followed(torch.zeros(30, device="meta"), state=VelocityChange().start(torch.zeros((), device="meta")))[-1]
    assert state.values.device.type == "meta"


@pytest.mark.parametrize(("argument", "value"), [("threshold", 0), ("factor", 1)])
def test_impossible_settings_are_named(argument, value):
    with pytest.raises(ValueError, match=rf"VelocityChange\({argument}={value}\)"):
        VelocityChange(**{argument: value})


def test_the_offline_twin_finds_the_same_change():
    velocity = speeds(120, sigma=0.2, jump=-2.3, slope=0.0)[:, 0]
    velocity[3] = torch.nan
    assert velocity_changes(range(120), velocity.tolist()) == [60]
    assert velocity_changes(range(120), speeds(120, sigma=0.2, slope=0.0)[:, 0].tolist()) == []
    assert velocity_changes([1, 2], [0.1, 0.0]) == []


def test_a_missing_extra_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "ruptures":
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModuleNotFoundError, match=r"lightning-infogeo\[analysis\]"):
        velocity_changes(range(9), [0.1] * 9)
