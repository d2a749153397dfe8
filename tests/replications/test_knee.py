"""The replication of 2406.05295 in small: from trainings to claims, and a second time without trainings."""

import math
import re

import pytest
import torch
from torch import nn

from replications.data_sets import load
from replications.knee import main
from replications.knee_claims import claims, moves_with_onset
from replications.knee_found import HEADLINE, LENGTHS, Found, found_in, knees, onset
from replications.knee_groups import has_knee, in_every_seed
from replications.knee_runs import Plan, Training, held_out, planned, samples
from replications.side_by_side import recorded, trained


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("knee")


@pytest.fixture(scope="module")
def first(folder):
    return main(["--fast", "--logdir", str(folder)])


def test_every_claim_has_a_figure(first, folder):
    assert len(first.claims) == 9
    assert all(re.search(r"\d", claim.measured) for claim in first.claims)
    assert {claim.verdict for claim in first.claims} >= {"does not hold", "reported"}
    assert {path.name for path in folder.glob("*.png")} == {
        "replications_knee_by_size.png",
        "replications_knee_against.png",
    }


def test_what_is_trained_already_is_not_trained_again(first, folder, monkeypatch):
    def never(*arguments, **settings):
        raise AssertionError("trained again")

    monkeypatch.setattr("replications.side_by_side.fit", never)
    assert main(["--fast", "--logdir", str(folder)]).claims == first.claims


def test_the_test_loss_is_the_cross_entropy(first, folder):
    """At initialisation, which the seed repeats, it can be had without a training."""
    training = planned(fast=True)[0]
    plan = Plan(folder, None)
    networks, seconds = recorded(plan.file(training))
    members, _, probe = plan._prepared(training)
    with torch.no_grad():
        for name, member in members.items():
            loss = nn.functional.cross_entropy(member.network(probe.inputs), probe.labels)
            assert float(networks[name].test_loss[0]) == pytest.approx(float(loss), rel=1e-5)
    assert len({float(one.test_loss[0]) for one in networks.values()}) == 2, "rates begin alike, seeds do not"
    assert seconds > 0


def test_weights_are_followed_by_both_estimators_and_by_layer(first, folder):
    one = recorded(Plan(folder, None).file(planned(fast=True)[0]))[0]["1e-03_0"]
    assert set(one.weights) == {length[:2] for length in LENGTHS}
    for trajectory in one.weights.values():
        assert int(trajectory.steps[-1]) == planned(fast=True)[0].steps
        assert 0 < float(trajectory.corrected_length[-1]) <= float(trajectory.length[-1])
    gaussian, histogram = (one.weights[name, "network"].floor[1:].median() for name in ("gaussian", "histogram"))
    assert gaussian < histogram / 2


def test_networks_side_by_side_are_trained_as_they_would_be_alone(tmp_path):
    """The loss is a sum and Adam works by weight: the other networks make no difference."""
    plan = Plan(tmp_path, None)
    losses = []
    for rates, seeds in (((1e-3, 3e-3), (0, 1)), ((1e-3,), (0,))):
        training = Training("digits", 100, "clean", rates, seeds)
        prepared = plan._prepared(training)
        path = trained(tmp_path / f"{len(training.seeds)}.pt", lambda ready=prepared: ready, 40)
        losses.append(recorded(path)[0]["1e-03_0"].test_loss)
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-4, atol=1e-5)


def test_the_onset_is_the_minimum_of_a_loss_that_rises():
    t = torch.arange(1, 101)
    assert onset(t, (t - 40.0) ** 2 + 100) == 40
    assert math.isnan(onset(t, 1 / t))
    spiked = (t - 40.0) ** 2 + 1000
    spiked[9] = 0
    assert onset(t, spiked) == 40, "one record is not a minimum"
    assert math.isnan(onset(t, 100 + (t - 40.0).clamp_min(0) / 60)), "1 % is not a rise"


def test_a_known_bend_is_found_and_a_straight_length_has_none(first, folder):
    """Of a crossover from t to t^0.3, put into a trajectory's place."""
    one = recorded(Plan(folder, None).file(planned(fast=True)[0]))[0]["1e-03_0"]
    network = one.weights["gaussian", "network"]
    t = network.steps.double()
    for length, bend in ((t / (1 + (t / 60) ** 2) ** 0.35, 60), (t.sqrt(), math.nan)):
        hops = length.diff() / network.interval[1:]
        rows = torch.stack([hops, length[1:], torch.zeros_like(hops), network.interval[1:]], dim=1)
        made = type(network)(("velocity", "length", "floor", "interval"), "", 0, "", "weights")
        for step, row in zip(t[1:].long().tolist(), rows.tolist(), strict=True):
            made.append(step, row)
        found, reason = knees(one._replace(weights={HEADLINE[:2]: made}), 500, [HEADLINE])[HEADLINE]
        assert found == pytest.approx(bend, rel=0.35, nan_ok=True)
        assert reason == ("straight" if math.isnan(bend) else "")


def test_labels_are_what_the_condition_says():
    images = load("digits")
    _, clean = samples(images, 1_000, "clean", 3)
    _, noisy = samples(images, 1_000, "noisy labels", 3)
    _, shuffled = samples(images, 1_000, "shuffled labels", 3)
    assert 0.15 < float((clean != noisy).float().mean()) < 0.25
    assert 0.8 < float((clean != shuffled).float().mean()) < 0.97
    assert torch.equal(clean.bincount(), shuffled.bincount())
    with pytest.raises(ValueError, match="from 64 to"):
        samples(images, 5_000, "clean", 0)


def test_seeds_have_images_of_their_own_and_one_test_set():
    plan = Plan(None, None)
    _, data, probe = plan._prepared(Training("digits", 100, "clean", (1e-3,), (0, 1)))
    assert not torch.equal(data.tensors[0][:, 0], data.tensors[0][:, 1])
    assert torch.equal(probe.inputs, held_out(load("digits")).inputs)


def test_the_whole_design_is_planned_and_nothing_twice():
    everything = planned()
    networks = {(t.data, t.size, t.condition, rate, seed) for t in everything for rate in t.rates for seed in t.seeds}
    assert len(networks) == sum(len(t.rates) * len(t.seeds) for t in everything) == 540
    assert len({t.name for t in everything}) == len(everything)


def test_a_network_that_does_not_overfit_has_no_onset(first, folder):
    of = [one for t in planned(fast=True) for one in found_in(Plan(folder, None), t)]
    assert any(one.overfits for one in of)
    assert all(one.overfits for one in of if one.condition == "shuffled labels")


def network(onset, knee, seed=0, size=300, rate=1e-3):
    lengths = dict.fromkeys(LENGTHS, knee)
    return Found("mnist", size, "clean", rate, seed, onset, lengths, {}, 3_000, knee)


@pytest.mark.parametrize(("power", "verdict"), [(1.0, "holds"), (0.05, "does not hold"), (None, "undecided")])
def test_the_knee_is_said_to_move_with_the_onset_only_where_it_does(power, verdict):
    """Knee = onset^power within each seed; None: another power for each of them."""
    powers = dict(enumerate([power] * 3 if power else [0.1, 1.5, -0.3]))
    some = [
        network(onset, onset ** powers[seed] * (1 + 0.01 * seed), seed, size)
        for seed in powers
        for size, onset in ((300, 200.0), (1_000, 500.0), (3_000, 2_000.0))
    ]
    assert moves_with_onset(some).verdict == verdict


def test_nothing_is_decided_by_no_data():
    assert {claim.verdict for claim in claims([])} <= {"undecided", "reported"}
    assert {claim.verdict for claim in claims([network(200.0, 50.0)])} <= {"undecided", "reported", "holds"}


def test_a_share_is_decided_where_all_seeds_agree():
    def some(*bent):
        return [network(200.0, 50.0 if k < n else math.nan, seed) for seed, n in enumerate(bent) for k in range(10)]

    assert in_every_seed(some(10, 9, 10), has_knee, 0.9) == "holds"
    assert in_every_seed(some(8, 0, 3), has_knee, 0.9) == "does not hold"
    assert in_every_seed(some(10, 8, 10), has_knee, 0.9) == "undecided"
