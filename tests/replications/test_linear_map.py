"""Networks placed on maps of linear models, in small."""

import pytest
import torch

from lightning_infogeo import Trajectory, inpca, pairwise_bhattacharyya
from replications import manifold_runs
from replications.linear_map import claims, main, title
from replications.linear_models import CONVOLVED, LinearModel, LinearPlan, planned, random_convolution
from replications.placed import Placed, likeness, placed, stresses


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("linear_map")


@pytest.fixture(scope="module")
def first(folder):
    return main(["--fast", "--logdir", str(folder)])


def test_every_claim_has_a_figure(first):
    assert len(first.claims) == 10  # five on each probe
    assert all("%" in claim.measured or "R² 0." in claim.measured for claim in first.claims)
    assert [claim.verdict for claim in first.claims[2::5]] == ["reported"] * 2, "a null model's stress is positive, too"


def known(joint: float, own: float, placed_: float, null: float, width: float) -> Placed:
    """Maps of such stresses in two dimensions, and intervals as wide as is said on either side."""
    curves = [torch.tensor([value - 0.1, value, value]) for value in (joint, own, placed_, null)]
    middles = {"joint": joint, "own": own - joint, "placed": placed_, "gain": placed_ - null}
    intervals = {name: (middle - width, middle + width) for name, middle in middles.items()}
    empty = torch.empty(0)
    return Placed(None, None, empty, empty, empty, (), empty, *curves, (0.9, 0.8), intervals, (4, 6))


@pytest.mark.parametrize(
    ("stresses_", "width", "verdicts"),
    [
        ((0.75, 0.76, 0.62, 0.28), 0.05, ["holds", "holds", "holds"]),
        ((0.75, 0.76, 0.62, 0.28), 0.2, ["undecided", "undecided", "holds"]),
        ((0.90, 0.91, 0.52, 0.69), 0.01, ["does not hold", "holds", "does not hold"]),
        ((0.90, 0.70, 0.52, 0.69), 0.2, ["undecided", "undecided", "undecided"]),
    ],
)
def test_verdicts_and_title_follow_from_the_intervals(stresses_, width, verdicts):
    found = {"train": known(*stresses_, width)}
    rows = claims(found)
    assert [row.verdict for row in rows] == [*verdicts[:2], "reported", verdicts[2], "reported"]
    word = {"holds": "they do better", "does not hold": "they do worse", "undecided": "undecided"}[verdicts[2]]
    told = f"{stresses_[2]:.0%} on samples trained on (a null model's {stresses_[3]:.0%}: {word})"
    assert told in title(found, rows)


def test_what_is_trained_already_is_not_trained_again(first, folder, monkeypatch):
    def never(*arguments):
        raise AssertionError("trained again")

    monkeypatch.setattr("replications.linear_models.fit", never)
    monkeypatch.setattr("replications.manifold_runs.fit", never)
    assert main(["--fast", "--logdir", str(folder)]).claims == first.claims


def test_without_networks_the_command_that_trains_them_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("replications.linear_map.check", lambda *arguments: None)
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path), "--runs", str(tmp_path), "--logdir", str(tmp_path)])
    assert "python -m replications.manifold --data DIR --sets cifar-10" in capsys.readouterr().err


def test_stress_on_own_axes_is_that_of_the_embedding(first, folder):
    plan = LinearPlan(folder, None)
    runs = [Trajectory.open(plan.archive(run), "train") for run in planned("digits", fast=True)]
    distances = pairwise_bhattacharyya(torch.cat([torch.as_tensor(run.amplitudes[:]) for run in runs])).double()
    for dimensions in (1, 2, 5):
        own = inpca(distances, dimensions)
        found = stresses(own.coordinates, own.eigenvalues, distances)[-1]
        assert float(found) == pytest.approx(float(own.explained_stress), abs=1e-9)
    everything = inpca(distances, len(distances))
    whole = stresses(everything.coordinates, everything.eigenvalues, distances)[-1]
    assert float(whole) == pytest.approx(1, abs=1e-6)


def test_other_axes_explain_less_and_random_ones_hardly_any(first, folder):
    networks = manifold_runs.Plan(folder / "networks", None)
    others = [networks.archive(run) for run in manifold_runs.planned("digits", fast=True) if run.labels == "true"]
    linear = [LinearPlan(folder, None).archive(run) for run in planned("digits", fast=True)]
    others = [path for path in others if path.exists()]
    kinds = [{path: path.stem.rpartition("_")[0] for path in some} for some in (linear, others)]
    one = placed(*kinds, "val", 50)
    assert one.kinds == (4, len({path.stem.rpartition("_")[0] for path in others}))
    for name, value in (("joint", one.joint_curve[1]), ("own", one.own_curve[1] - one.joint_curve[1])):
        assert one.intervals[name][0] - 0.05 <= float(value) <= one.intervals[name][1] + 0.05
    assert (one.placed_curve <= one.own_curve + 1e-9).all()
    assert float(one.placed_curve[1]) > float(one.null_curve[1])
    assert one.intervals["placed"][0] < float(one.placed_curve[1]) < one.intervals["placed"][1] + 0.02
    assert len(one.others) + len(one.linear.coordinates) == len(one.joint.coordinates) == len(one.member)
    noise = torch.randn(one.others.shape, generator=torch.Generator().manual_seed(0)).double() * one.others.std(0)
    beyond = one.joint.distances[~one.is_linear[one.member]][:, ~one.is_linear[one.member]]
    assert float(stresses(noise, one.linear.eigenvalues, beyond)[1]) < 0.2


def test_a_picture_is_like_another_up_to_a_linear_map():
    points = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    assert likeness(points @ torch.tensor([[2.0, 1.0], [0.0, -0.5]]) + 3, points) == pytest.approx(1, abs=1e-6)
    assert 0.3 < likeness(points[:, :1], points) < 0.7
    assert abs(likeness(points[torch.randperm(100)], points)) < 0.2


def test_runs_on_other_samples_are_refused(first, folder, monkeypatch):
    linear = [LinearPlan(folder, None).archive(run) for run in planned("digits", fast=True)]
    opened = Trajectory.open
    probes = iter(("train", "val"))
    monkeypatch.setattr(Trajectory, "open", lambda path, probe: opened(path, next(probes)))
    with pytest.raises(ValueError, match="different samples"):
        placed({linear[0]: "a"}, {linear[1]: "b"}, "train")


def test_the_random_convolution_is_one_for_all_and_stays_as_it_is():
    a, b = random_convolution(3), random_convolution(3)
    assert torch.equal(a[0].weight, b[0].weight)
    torch.testing.assert_close(a[0].weight.flatten(1).norm(dim=1), torch.ones(64))
    model = LinearModel(CONVOLVED, [3, 8, 8], "sgd", 1e-3, seed=0)
    x = torch.randn(50, 3, 8, 8)
    model.standardise(x)
    assert float((model.features(x) * model.scale).square().mean()) == pytest.approx(1, rel=1e-4)
    trained = [name for name, weights in model.named_parameters() if weights.requires_grad]
    assert trained == ["head.weight", "head.bias"]
