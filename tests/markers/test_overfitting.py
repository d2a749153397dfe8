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


def standing(states):
    return bool(states[-1].firing.times > states[-1].recovery.times)


def test_a_turn_away_from_the_truth_is_flagged_and_dated():
    steps = log_steps()
    states = followed(steps, turning(steps, at=300, rise=1.0))
    firing = states[-1].firing
    assert firing.times == 1
    assert 240 <= firing.step <= 375
    assert 300 < firing.detected_at < 800
    first = next(state for state in states if state.firing.times > 0)
    assert firing.strength == first.rise > 0.005


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


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("at", [100, 300])
def test_three_times_as_many_records_change_the_flag_by_no_more_than_one_record(at, seed):
    steps = log_steps(per_decade=78)
    x = turning(steps, at=at, rise=1.0, seed=seed)
    dense, thinned = followed(steps, x)[-1].firing, followed(steps[::3], x[::3])[-1].firing
    assert dense.times == thinned.times == 1
    apart = [sum(known <= float(firing.detected_at) for known in steps[::3]) for firing in (dense, thinned)]
    assert abs(apart[0] - apart[1]) <= 1


@pytest.mark.parametrize("per_decade", [24, 78])
@pytest.mark.parametrize("at", [400, 1000])
def test_persistence_is_counted_in_the_logarithm_of_steps(at, per_decade):
    """A rise that is large at once is flagged as soon as the training is longer by a factor of e to the persistence."""
    steps = log_steps(per_decade=per_decade)
    x = turning(steps, at=at, spread=0.0, rise=0.0) + 0.1 * (torch.tensor(steps) > at)[:, None]
    last = max(step for step in steps if step <= at)
    for persistence in (0.12, 0.5):
        known = float(followed(steps, x, OverfittingOnset(persistence=persistence))[-1].firing.detected_at)
        assert known == next(step for step in steps if step + 1 >= (last + 1) * math.exp(persistence))


def walks(trajectories, steps, *, correlation, step_noise, seed=1, rise=0.0, sized=0.2):
    """Distances of log-normal samples that wander about a mean that stands still, shape (trajectories, N) a record.

    Training noise is common to all samples; it is correlated from record to record, as the wandering is.
    """
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape):
        return torch.randn(*shape, generator=generator)

    base = 0.8 * drawn(trajectories, SAMPLES) - 0.32
    wandering, common = drawn(trajectories, SAMPLES), drawn(trajectories, 1)
    for step in steps:
        mean = 1 + rise * max(0.0, math.log((step + 1) / (steps[0] + 1)) - 1)
        yield mean * (base + sized * wandering - sized**2 / 2).exp() * (1 + step_noise * common)
        wandering = 0.9 * wandering + math.sqrt(0.19) * drawn(trajectories, SAMPLES)
        common = correlation * common + math.sqrt(1 - correlation**2) * drawn(trajectories, 1)


def shares_flagged(spacing, marker=None, trajectories=200, trained=None, **how):
    """The shares of trajectories flagged at any time, and with a flag that stands at the end."""
    marker = marker or OverfittingOnset()
    steps = [100]
    while steps[-1] < 30_000:
        steps.append(round(steps[-1] * (1 + spacing)))
    state = torch.vmap(marker.start)(torch.ones(trajectories, SAMPLES))
    for step, x in zip(steps, walks(trajectories, steps, **how), strict=True):
        told = torch.full((trajectories,), math.nan if trained is None else trained(step))
        state = torch.vmap(marker.extend, in_dims=(0, None, 0, 0))(state, step, x, told)
    ever, stands = state.firing.times > 0, state.firing.times > state.recovery.times
    return float(ever.double().mean()), float(stands.double().mean())


def allowed(level, trajectories=200):
    """The share that three standard errors above ``level`` make."""
    return level + 3 * math.sqrt(level * (1 - level) / trajectories)


@pytest.mark.parametrize("spacing", [0.03, 0.1, 0.3])
@pytest.mark.parametrize(
    ("step_noise", "correlation", "level"), [(0.0, 0.0, 0.02), (0.03, 0.0, 0.02), (0.03, 0.5, 0.05)]
)
def test_populations_that_stand_still_are_flagged_no_more_often_than_is_said(spacing, step_noise, correlation, level):
    ever, _ = shares_flagged(spacing, step_noise=step_noise, correlation=correlation)
    assert ever <= allowed(level)


def test_the_level_is_that_of_the_argument():
    """Trajectories that a level of 0.3 flags a tenth of at the least: the bound above is not kept by never flagging."""
    ever, _ = shares_flagged(0.1, OverfittingOnset(alpha=0.3), step_noise=0.0, correlation=0.0)
    assert 0.1 <= ever <= allowed(0.3)


@pytest.mark.parametrize("spacing", [0.03, 0.1, 0.3])
def test_the_same_trajectories_are_flagged_when_their_mean_rises(spacing):
    _, stands = shares_flagged(spacing, step_noise=0.0, correlation=0.0, rise=0.05)
    assert stands >= 0.95


def test_a_rise_that_passes_is_flagged_and_withdrawn_and_one_after_it_flagged_again():
    steps = log_steps()
    t = torch.tensor(steps, dtype=torch.float64).add(1).log()
    passing = 0.3 * torch.exp(-(((t - math.log(100)) / 0.4) ** 2))
    rising = 0.3 * (t - math.log(1500)).clamp_min(0)
    mean = 2 - 0.2 * t + passing + rising + 0.2 * (t - math.log(1500)).clamp_min(0)
    x = turning(steps, at=1, rise=0.0, spread=0.02) - 0.5 + mean[:, None]
    states = followed(steps, x)
    flagged = [float(state.firing.times - state.recovery.times) for state in states]
    assert states[-1].firing.times == 2
    assert states[-1].recovery.times == 1
    assert standing(states)
    withdrawn = next(k for k, state in enumerate(states) if state.recovery.times == 1)
    assert set(flagged[: withdrawn + 1]) == {0, 1}
    assert 0.95 * steps[withdrawn] <= states[withdrawn].recovery.step <= steps[withdrawn]
    assert states[withdrawn].recovery.detected_at == steps[withdrawn]
    assert states[withdrawn].level < min(state.level for state in states[:withdrawn])
    assert states[withdrawn].recovery.strength > 0
    assert 1300 <= states[-1].firing.step <= 1700


def test_watching_begins_with_persistence_and_ends_at_a_closer_approach():
    steps = log_steps()
    t = torch.tensor(steps, dtype=torch.float64).add(1).log()
    turned = steps.index(min(steps, key=lambda step: abs(step - 150)))
    mean = torch.where((t > t[turned]) & (t < math.log(400)), 2 - 0.2 * t[turned] + 0.008, 2 - 0.2 * t)
    states = followed(steps, mean[:, None].expand(-1, 20))
    watched = [step for step, state in zip(steps, states, strict=True) if state.watching]
    assert watched[0] == next(step for step in steps if step + 1 >= (steps[turned] + 1) * math.exp(0.12))
    assert 300 < watched[-1] < 600
    assert not states[-1].watching
    assert not fired(states)


def test_a_rise_on_a_few_samples_is_seen_although_most_improve():
    steps = log_steps()
    x = turning(steps, at=200, rise=1.0)
    t = torch.tensor(steps, dtype=torch.float64).add(1).log10()[:, None]
    improving = (torch.arange(SAMPLES) % 10 != 0).double() * 0.02
    x = x - improving * (t - math.log10(201)).clamp_min(0)
    assert (x[-1] < x[steps.index(min(steps, key=lambda s: abs(s - 200)))]).double().mean() > 0.5
    assert fired(followed(steps, x))


def test_less_suffices_while_the_samples_trained_on_go_on():
    """A rise of 8 % that chance might just explain, with and without a training that goes on."""
    steps = log_steps()
    x = turning(steps, at=100, rise=0.0, spread=0.0)[:, :40]
    t = torch.tensor(steps, dtype=torch.float64).add(1).log10()[:, None]
    hard = torch.zeros(40, dtype=torch.float64)
    hard[[3, 11]] = 0.8
    x = x + hard * (t - math.log10(101)).clamp_min(0)
    told = {"alone": None, "still": lambda k: 1.0, "NaN": lambda k: math.nan, "goes on": lambda k: 1 / (1 + k)}
    times = {}
    for name, trained in told.items():
        for transfer in (0.4, 0.0):
            marker = OverfittingOnset(transfer=transfer)
            state = marker.start(x[0])
            for k, (step, distances) in enumerate(zip(steps, x, strict=True)):
                state = marker.extend(state, step, distances, trained and torch.tensor(trained(k)))
            times[name, transfer] = int(state.firing.times)
            assert state.rise > 0.05
    assert {key for key, count in times.items() if count} == {("goes on", 0.4)}


def tensors(state):
    parts = state.values() if isinstance(state, dict) else state
    return [state] if isinstance(state, torch.Tensor) else [tensor for part in parts for tensor in tensors(part)]


def test_records_that_are_not_finite_change_nothing():
    steps = log_steps()
    x = turning(steps, rise=1.0)
    broken, places = x.clone(), [3, 30, 31, len(steps) - 4]
    broken[places, 5] = torch.nan
    broken[20] = torch.nan
    kept = [k for k in range(len(steps)) if k not in (*places, 20)]
    a = followed(steps, broken)[-1]
    b = followed([steps[k] for k in kept], x[kept])[-1]
    for left, right in zip(tensors(a), tensors(b), strict=True):
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
    for field in ("rise", "resolution"):
        assert getattr(states[-1], field).isfinite()
    x[: len(steps) // 3, 5] = 0.3  # excluded only from then on
    assert all(value.isfinite() for value in (followed(steps, x)[-1].rise, followed(steps, x)[-1].resolution))


def test_it_goes_on_from_a_saved_state_between_onset_and_detection():
    steps = log_steps()
    x, marker = turning(steps, rise=1.0, dtype=torch.float32), OverfittingOnset()
    states = followed(steps, x, marker)
    at = next(k for k, state in enumerate(states) if state.firing.times > 0) - 2
    assert steps[at] > states[-1].firing.step
    saved = copy.deepcopy(packed(marker, states[at]))
    assert sum(tensor.numel() for tensor in tensors(list(saved.values()))) < 1000  # and no multipliers
    state = unpacked(marker, saved, marker.start(x[0]))
    for step, distances in zip(steps[at + 1 :], x[at + 1 :], strict=True):
        state = marker.extend(state, step, distances)
    torch.testing.assert_close(marker.reading(state), marker.reading(states[-1]), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("samples", [1, 2])
def test_one_or_two_samples_break_nothing(samples):
    steps = log_steps(200)
    states = followed(steps, turning(steps)[:, :samples])
    assert OverfittingOnset().reading(states[-1])[[0, 4, 8, 9, 10]].isfinite().all()


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


def test_a_state_of_another_version_begins_anew_but_has_said_what_it_said(capsys, lines_are_written):
    marker, steps = OverfittingOnset(), log_steps()
    x = turning(steps, rise=1.0, dtype=torch.float32)
    states = followed(steps, x, marker)
    saved, fresh = packed(marker, states[-1]), marker.start(x[0])
    for other in ({**saved, "least": torch.zeros(5)}, {key: saved[key] for key in ("firing", "level")}):
        state = unpacked(marker, other, fresh)
        assert "overfitting begins anew here" in capsys.readouterr().err
        assert (state.firing.times, state.recovery.times) == (1, 0)
        assert state.noise.records == 0
        assert torch.equal(state.multipliers, fresh.multipliers)
        below = float(states[-1].level / (1 + states[-1].firing.strength))
        for k in range(20):  # closer than at the resume, and not than at the flag: nothing new
            state = marker.extend(state, 5000 + 50 * k, x[-1] * (1 - k % 3 * 1e-4))
            assert (state.firing.times, state.recovery.times) == (1, 0)
        for k in range(20, 60):
            state = marker.extend(state, 5000 + 50 * k, x[-1] * 0.5 * below / float(states[-1].level))
        assert (state.firing.times, state.recovery.times) == (1, 1)


@pytest.mark.parametrize("event", ["a drop", "a deep drop", "a spike", "all excluded once"])
def test_a_drop_or_a_spike_long_before_does_not_deaden_the_flag(event):
    steps = log_steps(100_000)
    t = torch.tensor(steps, dtype=torch.float64).add(1).log()
    mean = 2 - 0.2 * t + 0.6 * (t - math.log(2000)).clamp_min(0)
    early = t < math.log(100)
    scale = {"a drop": 10, "a deep drop": 100}.get(event, 1) * early + ~early
    x = (turning(steps, at=1, rise=0.0, spread=0.02) - 0.5 + mean[:, None]) * scale[:, None]
    if event in ("a spike", "all excluded once"):
        x[steps.index(max(step for step in steps if step < 75))] *= 3 if event == "a spike" else torch.inf
    states = followed(steps, x)
    assert standing(states)
    assert 1800 <= states[-1].firing.step <= 2200
    assert states[-1].firing.detected_at <= 8000
    assert states[-1].resolution < 0.5


def test_distances_that_were_zero_can_rise():
    steps = log_steps()
    for least in (0.0, 1e-12):
        x = turning(steps, at=1, rise=0.0, spread=0.02)
        x[30:60], x[60:] = least, 0.5
        states = followed(steps, x)
        assert standing(states)
        assert all(value.isfinite().all() for value in (states[-1].rise, states[-1].resolution, states[-1].noise.size))


def test_a_step_that_was_seen_changes_nothing():
    steps = log_steps()
    x, marker = turning(steps, rise=1.0), OverfittingOnset()
    state = followed(steps, x, marker)[40]
    for step in (steps[40], steps[39]):
        for left, right in zip(tensors(marker.extend(state, step, x[41])), tensors(state), strict=True):
            torch.testing.assert_close(left, right, rtol=0, atol=0, equal_nan=True)


def test_of_a_single_sample_nothing_is_said():
    steps = log_steps()
    states = followed(steps, turning(steps, rise=3.0)[:, :1])
    assert states[-1].rise > 0.5
    assert not fired(states)
    assert not any(state.watching for state in states)


def test_what_is_trained_on_never_is_all_of_the_evidence():
    """Populations that stand still beside a trained distance that falls to nothing: a quarter has to be rise."""
    marker, steps, shares = OverfittingOnset(rise=1e-6), [round(100 * 1.1**k) for k in range(50)], []
    state = torch.vmap(marker.start)(torch.ones(50, SAMPLES))
    for k, x in enumerate(walks(50, steps, step_noise=0.0, correlation=0.0)):
        raised = state.firing.times
        told = torch.full((50,), math.exp(-k))
        state = torch.vmap(marker.extend, in_dims=(0, None, 0, 0))(state, steps[k], x, told)
        by_chance = torch.vmap(lambda shadows: shadows.threshold(0.01))(state.shadows)
        shares += (state.rise / by_chance)[state.firing.times > raised].tolist()
    assert 0.25 <= min(shares) < 0.5


def test_four_answers():
    marker = OverfittingOnset(matters=0.1)
    assert marker.verdict(True, 500, resolution=0.05, watching=1.0).answer == "flagged"
    assert marker.verdict(False, 500, rise=0.02, resolution=0.05, watching=1.0) == ("watch", 0.05, 125, 0.02)
    assert marker.verdict(False, 500, rise=0.06, resolution=0.05).answer == "watch"  # not for long enough yet
    assert marker.verdict(False, 500, resolution=0.05).answer == "clean"
    undecidable = marker.verdict(False, 500, resolution=0.2)
    assert (undecidable.answer, undecidable.samples) == ("undecidable", 2000)


@pytest.mark.parametrize("records", [0, 1, 3, 8])
def test_of_few_records_nothing_can_be_said(records):
    marker, steps = OverfittingOnset(), log_steps()
    x = turning(steps, rise=1.0)
    state = followed(steps[:records], x[:records], marker)[-1] if records else marker.start(x[0])
    verdict = marker.verdict(False, 300, float(state.rise), float(state.resolution), float(state.watching))
    assert (verdict.answer, verdict.resolution) == ("undecidable", math.inf)


def test_a_small_probe_of_hard_samples_cannot_decide():
    steps = log_steps()
    x = turning(steps, at=1500, rise=0.0, spread=4.0)[:, :8]
    marker, states = OverfittingOnset(), followed(steps, x)
    open_ones = [state for state in states[10:] if state.resolution > 0 and not state.watching]
    verdicts = [marker.verdict(False, 8, resolution=float(state.resolution)) for state in open_ones]
    assert not fired(states)
    assert {verdict.answer for verdict in verdicts if verdict.resolution > 0.1} == {"undecidable"}
    assert all(verdict.samples > 8 for verdict in verdicts if verdict.answer == "undecidable")


@pytest.mark.parametrize(
    "arguments",
    [
        {"alpha": 0},
        {"alpha": 0.5},
        {"transfer": 1.5},
        {"transfer": -0.1},
        {"rise": 0},
        {"matters": -1},
        {"persistence": 0},
    ],
)
def test_impossible_settings_are_named(arguments):
    (name, value), *_ = arguments.items()
    with pytest.raises(ValueError, match=rf"OverfittingOnset\({name}={value}\)"):
        OverfittingOnset(**arguments)
