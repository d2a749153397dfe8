"""The replication of 2305.01604 in small: from trainings to claims, and a second time without trainings."""

import math
import re

import pytest
import torch

from lightning_infogeo import Trajectory
from replications.manifold import main
from replications.manifold_found import measure
from replications.manifold_runs import Plan, planned, samples
from replications.networks import ARCHITECTURES, WIDER, network


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("manifold")


@pytest.fixture(scope="module")
def first(folder):
    return main(["--fast", "--logdir", str(folder)])


def test_every_claim_has_a_figure(first):
    assert len(first.claims) == 14
    assert all(re.search(r"\d", claim.measured) for claim in first.claims)
    assert {"holds", "does not hold", "reported"} <= {claim.verdict for claim in first.claims}, (
        "digits and sixty steps cannot hold them all"
    )


def test_title_and_limits_follow_from_what_was_found(first):
    verdicts = [claim.verdict for claim in first.claims]
    judged = len(verdicts) - verdicts.count("reported")
    assert f"{verdicts.count('holds')} of {judged} statements hold" in first.title
    assert ("undecided" in first.title) == ("undecided" in verdicts)
    null, own = re.findall(r"(\d+)%", next(claim for claim in first.claims if "null map" in claim.claim).measured)
    (sentence,) = [each for each in first.limits if "null map" in each]
    assert ("more than half" in sentence) == (int(null) > int(own) / 2)
    assert f"({null}% of {own}%)" in sentence


def test_what_is_trained_already_is_not_trained_again(first, folder, monkeypatch):
    def never(*arguments):
        raise AssertionError("trained again")

    monkeypatch.setattr("replications.manifold_runs.fit", never)
    again = main(["--fast", "--logdir", str(folder)])
    assert again.claims == first.claims


def test_shuffled_copies_have_the_loss_of_their_runs_and_another_map(first, folder):
    runs = planned("digits", fast=True)
    found = measure("digits", "train", runs, [Plan(folder, None).archive(run) for run in runs])
    assert len(found.runs) == 12
    assert found.null.distances.shape == found.comparison.embedding.distances.shape
    truth, own = found.null.distances[-1], found.comparison.embedding.distances[-1]
    torch.testing.assert_close(truth, own, atol=1e-6, rtol=0)
    assert float((found.null.distances - found.comparison.embedding.distances).abs().max()) > 0.01
    shuffled = found.where(optimizer="sgd")
    assert shuffled.sum() == 2
    assert found.controls.max() < 0.1 < min(float(course.progress.max()) for course in found.comparison.courses)


def test_every_run_saw_the_same_samples_and_began_as_its_name_says(first, folder):
    plan = Plan(folder, None)
    opened = {run: Trajectory.open(plan.archive(run), "val") for run in planned("digits", fast=True)}
    assert len({each.fingerprint for each in opened.values()}) == 1
    accuracy = {
        run: float((torch.as_tensor(each.amplitudes[:1])[0].argmax(1) == each.labels).float().mean())
        for run, each in opened.items()
    }
    misled = [accuracy[run] for run in accuracy if run.beginning == "wrong labels"]
    fresh = [accuracy[run] for run in accuracy if run.beginning == "random"]
    assert len(misled) == 2
    assert math.fsum(misled) / 2 <= math.fsum(fresh) / len(fresh)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32)])
@pytest.mark.parametrize("name", [*ARCHITECTURES, *WIDER])
def test_networks_take_images_of_any_size(name, shape):
    net = network(name, shape)
    assert net(torch.zeros(2, *shape)).shape == (2, 10)
    assert all(parameter.grad_fn is None for parameter in net.parameters())


def test_another_network_is_refused_by_name():
    with pytest.raises(ValueError, match="no such network; there are linear"):
        network("resnet-50", (3, 32, 32))


def test_samples_held_out_are_not_trained_on():
    trained, probes = samples("digits", None)
    seen = {tuple(image.flatten().tolist()) for image in trained.tensors[0]}
    assert sum(tuple(image.flatten().tolist()) in seen for image in probes["val"].inputs) == 0
    assert all(tuple(image.flatten().tolist()) in seen for image in probes["train"].inputs)
