"""Quantities of a trajectory, against their definitions."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from lightning_infogeo.trajectory import LABELLED_QUANTITIES, QUANTITIES, Trajectory, extend, start
from tests.helpers import oracles
from tests.helpers.contracts import random_logits
from tests.helpers.logit_paths import arc_to_geodesic, path, record


def test_quantities_agree_with_their_definitions():
    logits, steps = path(), [0, 1, 2, 5, 9, 10, 20, 30, 31, 50, 70, 100]
    labels = torch.arange(25) % 6
    befores = {step: (step - 1, logits[i] + 0.01 * random_logits(25, 6, seed=i)) for i, step in enumerate(steps) if i}
    got, _ = record(logits, steps, labels=labels, before=lambda step: befores.get(step))

    p = oracles.softmax(logits)
    hops = np.array([oracles.fisher_rao(p[i], p[i + 1]) for i in range(11)])
    lags = np.array([oracles.fisher_rao(oracles.softmax(befores[s][1]), p[i + 1]) for i, s in enumerate(steps[1:])])
    intervals = np.diff(steps)
    displacement = np.array([oracles.fisher_rao(p[0], p[i]) for i in range(1, 12)])
    np.testing.assert_allclose(got["length"], np.append(0, hops.cumsum()), rtol=1e-9)
    np.testing.assert_allclose(got["displacement"], np.append(0, displacement), rtol=1e-9)
    np.testing.assert_allclose(got["straightness"], np.append(1, displacement / hops.cumsum()), rtol=1e-9)
    np.testing.assert_allclose(got["velocity"], np.append(np.nan, lags), rtol=1e-6)
    roughness = np.where(intervals == 1, np.nan, np.log(hops / lags) / np.where(intervals == 1, 1, np.log(intervals)))
    np.testing.assert_allclose(got["roughness"], np.append(np.nan, roughness), rtol=1e-6)
    truth = [-0.5 * np.log(q[np.arange(25), labels]).mean() for q in p]
    np.testing.assert_allclose(got["distance_to_truth"], truth, rtol=1e-9)
    minima = [minimize_scalar(lambda t, q=q: arc_to_geodesic(q, labels, t), bounds=(0, 1), method="bounded") for q in p]
    np.testing.assert_allclose(got["progress"], [m.x for m in minima], atol=1e-5)
    np.testing.assert_allclose(got["entropy"], [-(q * np.log(q)).sum(-1).mean() for q in p], rtol=1e-9)


def test_a_great_circle_is_straight_ballistic_and_of_constant_velocity():
    """Two classes, p = sin²(φ), φ linear in the step: length and displacement are 2 (φ − φ_0) exactly."""
    steps = [0, 1, 3, 7, 20, 21, 50]
    phi = {s: 0.1 + s / 50 for s in range(51)}
    roots = {s: torch.tensor([[math.sin(phi[s]), math.cos(phi[s])]], dtype=torch.float64) for s in phi}
    logits = {s: 2 * root.log() for s, root in roots.items()}
    walk = torch.stack([logits[s] for s in steps])
    got, _ = record(walk, steps, before=lambda s: (s - 1, logits[s - 1]) if s else None)
    expected = 2 * torch.tensor(steps, dtype=torch.float64) / 50
    torch.testing.assert_close(got["length"], expected, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(got["displacement"], expected, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(got["straightness"], torch.ones(7, dtype=torch.float64))
    torch.testing.assert_close(got["velocity"][1:], torch.full((6,), 2 / 50, dtype=torch.float64))
    torch.testing.assert_close(got["roughness"][[2, 3, 4, 6]], torch.ones(4, dtype=torch.float64))
    assert got["roughness"][[1, 5]].isnan().all()  # interval = lag


def test_straightness_never_exceeds_one_and_length_never_falls():
    got, _ = record(path(200, dtype=torch.float32))
    assert (got["straightness"] <= 1).all()
    assert (got["straightness"] > 0).all()
    assert (got["length"].diff() >= 0).all()
    assert (got["displacement"] <= got["length"] * (1 + 1e-5)).all()


def test_a_network_that_stands_still_gives_zeros_and_nan_not_infinities():
    logits = random_logits(1, 9, 4).expand(3, 9, 4)
    got, _ = record(logits, [0, 4, 9], before=lambda s: (s - 1, logits[0]) if s else None)
    assert got["length"].tolist() == got["displacement"].tolist() == [0, 0, 0]
    assert got["straightness"].tolist() == [1, 1, 1]
    assert got["velocity"][1:].tolist() == [0, 0]
    assert got["roughness"].isnan().all()


def test_a_return_to_the_start_after_a_kick_has_no_roughness():
    logits, kicked = random_logits(9, 4), random_logits(9, 4, seed=1)
    got, _ = record(torch.stack([logits, logits]), [0, 10], before=lambda s: (9, kicked) if s else None)
    assert got["roughness"].isnan().all()
    assert got["velocity"][1] > 0


def test_chord_speed_is_the_hop_over_the_interval():
    logits, steps = path(), [0, 1, 2, 5, 9, 10, 20, 30, 31, 50, 70, 100]
    got, _ = record(logits, steps, chord=True)
    torch.testing.assert_close(got["velocity"][1:], got["length"].diff() / torch.tensor(steps).diff())
    assert got["roughness"].isnan().all()


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_a_record_that_is_not_finite_is_nan_and_left_out_of_the_path(bad):
    """Of −∞ that is where all classes of a sample are; a single one is a probability of 0 (test_masked_classes.py)."""
    logits = path()
    broken = logits.clone()
    broken[5, 3, slice(None) if bad == -torch.inf else 2] = bad
    steps = [s for s in range(12) if s != 5]
    with_it, state = record(broken, range(12))
    without, expected = record(logits[steps], steps)
    for name in QUANTITIES:
        assert with_it[name][5].isnan()
        torch.testing.assert_close(with_it[name][steps], without[name], rtol=0, atol=0, equal_nan=True)
    assert all(torch.equal(a, b) for a, b in zip(state, expected, strict=True))


def test_finite_logits_whose_difference_overflows_do_not_spoil_the_path():
    logits = path(4, dtype=torch.float32)
    logits[1], logits[2] = 3e38, -3e38
    logits[1, :, 0] = -3e38
    got, state = record(logits)
    assert state.length.isfinite()
    assert got["length"][3].isfinite()


def test_a_trajectory_that_begins_with_nan_starts_at_its_first_finite_record():
    logits = path()
    broken = logits.clone()
    broken[0] = torch.nan
    got, _ = record(broken, before=lambda s: (s - 1, broken[s - 1]) if s else None)
    assert [got[name][1].item() for name in ("length", "displacement", "straightness")] == [0, 0, 1]
    assert got["velocity"][1].isnan()
    assert got["velocity"][2:].isfinite().all()


def test_a_long_path_of_short_hops_keeps_its_digits_in_float32():
    logits = torch.tensor([[0.3, -0.2], [1.0, 0.5]])
    step = 1e-4 * torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    state, _ = extend(start(logits), 0, logits)
    for k in range(1, 20001):
        state, row = extend(state, k, logits + (k % 2) * step)
    hop = oracles.exact_distances(logits, logits + step)[1]
    assert abs(row[QUANTITIES.index("length")].item() / float(20000 * hop) - 1) < 2e-6
    # Negative control: plain float32 summation of the same hops.
    plain = torch.zeros(())
    for _ in range(20000):
        plain = plain + torch.tensor(float(hop))
    assert abs(plain.item() / float(20000 * hop) - 1) > 1e-5


@pytest.mark.parametrize("labels", [True, False])
def test_a_record_reads_nothing_back_from_the_device(labels):
    logits = torch.empty(9, 4, device="meta")
    y = torch.empty(9, dtype=torch.int64, device="meta") if labels else None
    state = start(logits)
    for step in (0, 1, 5):
        state, row = extend(state, step, logits, labels=y, before=(step - 1, logits) if step else None)
    assert row.shape == (len(LABELLED_QUANTITIES if labels else QUANTITIES),)
    with pytest.raises((RuntimeError, NotImplementedError)):  # negative control: a read does fail there
        row[0].item()


def test_one_sample_and_two_classes_are_enough():
    got, _ = record(torch.tensor([[[0.0, 1.0]], [[0.5, 0.0]]]), labels=torch.tensor([1]))
    assert all(values.isfinite()[1] for name, values in got.items() if name not in ("velocity", "roughness"))


class TestTrajectory:
    def made(self):
        names = ("velocity", "length", "displacement", "straightness", "roughness", "entropy")
        trajectory = Trajectory(names, "LogSpaced(per_decade=24)", 1, "full float32")
        trajectory.append(0, [math.nan, 0, 0, 1, math.nan, 2])
        trajectory.append(4, [0.5, 1, 1, 1, 0.7, 1.5])
        trajectory.append(6, [math.nan] * 6)
        return trajectory

    def test_quantities_are_attributes(self):
        trajectory = self.made()
        assert trajectory.steps.tolist() == [0, 4, 6]
        assert trajectory.length[:2].tolist() == [0, 1]
        assert trajectory.length.dtype == torch.float64
        assert trajectory.skipped == 1
        assert len(trajectory) == 3

    def test_an_absent_quantity_says_what_there_is(self):
        with pytest.raises(AttributeError, match=r"recorded are steps, velocity, .*this probe has no labels"):
            self.made().distance_to_truth  # noqa: B018

    def test_survives_a_round_trip_through_its_state(self):
        state = self.made().state_dict()
        again = Trajectory.from_state_dict(state)
        assert again.state_dict().keys() == state.keys()
        torch.testing.assert_close(again.state_dict()["values"], state["values"], rtol=0, atol=0, equal_nan=True)
        assert (again.schedule, again.lag, again.precision) == ("LogSpaced(per_decade=24)", 1, "full float32")

    def test_is_empty_before_the_first_record(self):
        trajectory = Trajectory(QUANTITIES, "", 1, "")
        assert trajectory.velocity.shape == (0,)
        assert "nothing yet" in repr(trajectory)
