"""Learning trees of small networks, where they break, and what a null model makes of them."""

import math
from pathlib import Path

import pytest
import torch

from lightning_infogeo.topology import learning_graph, neuron_cloud
from replications.branching import main, read_study
from replications.learning_trees import OVERLAP, PUBLISHED, evenly_moved, exchanged, speeds, tears, thinned
from tests.helpers.neuron_clouds import branching


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("branching")


@pytest.fixture(scope="module")
def first(folder):
    return main(["--fast", "--workers", "0", "--logdir", str(folder)])


@pytest.fixture(scope="module")
def studies(first, folder):
    return [read_study(path) for path in sorted(Path(folder, "runs").glob("*.json"))]


def test_every_claim_has_a_figure(first):
    assert all(any(letter.isdigit() for letter in claim.measured) for claim in first.claims)
    assert {claim.verdict for claim in first.claims} == {"holds", "does not hold", "reported"}, (
        "digits and few steps cannot hold them all"
    )


def test_what_is_trained_already_is_not_trained_again(first, folder, monkeypatch):
    def never(*arguments):
        raise AssertionError("made again")

    monkeypatch.setattr("replications.sigmoids.fit", never)
    monkeypatch.setattr("replications.branching.learning_graph", never)
    assert main(["--fast", "--workers", "0", "--logdir", str(folder)]).claims == first.claims


def test_trainings_start_at_ignorance_and_learn(studies):
    assert [study.run.seed for study in studies] == [42, 43]
    for study in studies:
        assert float(study.run.losses[0]) == pytest.approx(math.log(10), abs=1e-4)
        assert float(study.run.losses[-1]) < 2.1
        assert [len(cloud.steps) for cloud in study.run.clouds.values()] == [81, 81, 81]
        assert study.run.fine_clouds["layer 1"].steps.tolist() == study.run.steps.tolist()
        at_the_start = study.run.clouds["layer 1"].trajectories[0]
        assert float(at_the_start.std(0).max()) < 1e-4  # all neurons in one point, 1e-6 from each other


def test_more_records_join_what_fewer_leave_in_pieces(studies):
    for study in studies:
        pieces = {name: study.shapes["layer 1"][name].components for name in ("published", "twice", "ten times")}
        assert pieces["published"] > pieces["twice"] > pieces["ten times"] == 1
        assert all(tear.is_fast for tear in study.tears)


def test_a_neuron_that_jumps_is_found_to_tear_the_graph():
    vectors, steps = branching()
    vectors[60:, 7] += vectors[-1, 29] - vectors[0, 29]  # at once, away from all others
    cloud = neuron_cloud(vectors, steps)
    graph = learning_graph(cloud, overlap=OVERLAP, convention="spacing", intervals=20, eps=0.2)
    assert graph.components == 2
    (torn,) = tears("layer 1", cloud, graph)
    assert (torn.neuron, torn.last, torn.first, torn.together) == (7, 590, 600, 1)
    assert torn.hop == pytest.approx(float((cloud.trajectories[60, 7] - cloud.trajectories[59, 7]).norm()) / 0.2)
    assert torn.is_fast
    whole = neuron_cloud(*branching())
    assert tears("layer 1", whole, learning_graph(whole, intervals=20)) == []


def test_what_two_intervals_share_is_what_kepler_mapper_covers():
    vectors = torch.linspace(0, 1, 11)[:, None, None].expand(-1, 2, 1)
    hops, jumps = speeds(neuron_cloud(vectors), 0.05, 5)
    assert torch.allclose(hops, torch.tensor(2.0, dtype=torch.float64))
    # Centred, the lens goes from 0.5 to 0 and back: intervals are 0.1 apart, of which 0.99 is shared.
    assert torch.allclose(jumps, torch.tensor(1 / OVERLAP, dtype=torch.float64))


def test_records_are_chosen_so_that_the_fastest_go_equally_far():
    t = torch.linspace(0, 1, 401) ** 3
    clouds = {layer: neuron_cloud((t[:, None, None] * torch.ones(1, 2, 3)).contiguous()) for layer in PUBLISHED}
    chosen = evenly_moved(clouds, 21)
    assert chosen[0] == 0
    gaps = t[chosen].diff()
    assert float(gaps.max()) < 1.3 * float(gaps.min())
    evenly_in_time = t[::20].diff()
    assert float(evenly_in_time.max()) > 2 * float(gaps.max())
    assert thinned(clouds["layer 1"], chosen).steps.tolist() == chosen.tolist()


def test_the_null_model_keeps_every_move_and_no_path():
    cloud = neuron_cloud(*branching())
    mixed = exchanged(cloud, seed=0)
    moves, others = (one.trajectories.diff(dim=0).norm(dim=-1).sort(dim=1).values for one in (cloud, mixed))
    torch.testing.assert_close(moves, others)
    assert float((mixed.trajectories[-1] - cloud.trajectories[-1]).norm(dim=1).min()) > 0.05
    torch.testing.assert_close(mixed.points.mean(0), torch.zeros(20, dtype=torch.float64))
