"""The simulated linear networks, their moments, and the boundary that they give."""

import math

import pytest
import torch

from lightning_infogeo.theory import gaussian_distances, measured_spectrum, phase_diagram, predicted_spectrum
from replications.linear_networks import GROUPS, Cell, OutputMoments, inputs, measure, read
from replications.phase_boundary import Measured, claims, main, measured_grid, title


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("phase_boundary")


@pytest.fixture(scope="module")
def first(folder):
    return main(["--fast", "--workers", "0", "--logdir", str(folder)])


def test_every_claim_has_a_figure_and_the_boundary_is_near_the_predicted_one(first):
    assert len(first.claims) == 8  # two of each model and number of steps
    for claim in first.claims[::2]:
        assert "another verdict in" in claim.measured
    shares = [float(claim.measured.split()[2].rstrip(";")) for claim in first.claims[1::2]]
    assert max(shares) < 0.05, "400 networks are few"


def test_cells_are_not_measured_again(first, folder, monkeypatch):
    def never(*arguments):
        raise AssertionError("trained again")

    monkeypatch.setattr("replications.linear_networks.fit", never)
    assert main(["--fast", "--workers", "0", "--logdir", str(folder)]).claims == first.claims


@pytest.mark.parametrize("model", ["exponential", "power"])
def test_inputs_have_the_eigenvalues_that_they_are_made_for(model):
    x, modes = inputs(model, 0.7, 12)
    index = torch.arange(12, dtype=torch.float64)
    lam = torch.exp(-0.7 * index) if model == "exponential" else (index + 1) ** -0.7
    torch.testing.assert_close(modes.T @ (x.T @ x / len(x)) @ modes, torch.diag(lam))


def test_the_spectrum_of_the_moments_is_that_of_the_distances_between_all_outputs():
    """d_B of normal outputs is their squared distance ÷ 8N, so that InPCA has their covariance's eigenvalues ÷ 8."""

    class Still(torch.nn.Module):
        def forward(self, x):
            self.records.append(torch.randn(len(x), GROUPS * 2, generator=generator))
            return self.records[-1]

    generator = torch.Generator().manual_seed(0)
    model = Still()
    model.records = []
    moments = OutputMoments(torch.zeros(5, 3), (3,))
    for _ in range(4):  # the fourth comes after the last that is asked for
        moments.on_train_batch_end(None, model)
    assert len(model.records) == 3
    points = torch.cat(model.records, dim=1).T
    assert moments.kept[3].size * GROUPS == len(points)
    found = measured_spectrum(gaussian_distances(points)).eigenvalues[:5]
    torch.testing.assert_close(moments.kept[3].spectrum().eigenvalues, 8 * found, rtol=1e-5, atol=1e-7)


def test_a_cell_agrees_with_its_closed_form_and_not_with_that_of_other_steps(tmp_path):
    cell = Cell(tmp_path, "exponential", 1.0, 2.5, until=(5, 100), modes=10, runs=1_000)
    moments, seconds = read(measure(cell))
    lam = torch.exp(-torch.arange(10.0))
    shares = {until: predicted_spectrum(lam, 2.5 * torch.ones(10), 1.0, 1.0, until) for until in (5, 100)}
    for until, of in moments.items():
        assert of.spectrum().explained_variance() == pytest.approx(shares[until].explained_variance(), abs=0.01)
    assert abs(moments[5].spectrum().explained_variance() - shares[100].explained_variance()) > 0.03
    assert seconds > 0


def test_the_boundary_is_off_by_as_many_steps_as_the_scale_is():
    scales = torch.logspace(-1, 2, 4)
    predicted = phase_diagram([0.5, 1.0], scales, 100, modes=10)
    shifted = phase_diagram([0.5, 1.0], scales / 10**0.5, 100, modes=10)
    wrong = predicted._replace(explained_variance=shifted.explained_variance)
    one = Measured(predicted, wrong, wrong.explained_variance, wrong.explained_variance)
    # Interpolated between cells, so not exactly half a step.
    assert one.boundary_errors().tolist() == pytest.approx([0.5, 0.5], abs=0.3)
    assert (one.boundary_errors() > 0.2).all()
    nowhere = one.boundary_errors(torch.zeros_like(wrong.explained_variance))
    assert nowhere.isinf().all()


def of_errors(measured, low, high):
    """A grid of one row whose boundary is off by so many steps, where its cells are measured and at either end."""
    scales = torch.logspace(-3, 3, 61)
    predicted = phase_diagram([0.5, 0.6], scales, 100, modes=10)
    step = float(predicted.column_values.log().diff().mean())

    def moved(steps):
        return phase_diagram([0.5, 0.6], scales * math.exp(-steps * step), 100, modes=10).explained_variance

    return Measured(predicted, predicted._replace(explained_variance=moved(measured)), moved(low), moved(high))


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [((0.1, -0.5, 0.5), "holds"), ((0.1, -1.5, 0.5), "undecided"), ((2.5, 1.5, 3.5), "does not hold")],
)
def test_a_boundary_is_judged_by_the_ends_of_its_interval(errors, verdict):
    rows = claims({("exponential", 100): of_errors(*errors)})
    assert rows[0].verdict == verdict
    assert ("where theory says they do" in title(rows[:1])) == (verdict == "holds")
    assert ("undecided" in title(rows[:1])) == (verdict == "undecided")


def test_intervals_hold_the_measured_share(tmp_path):
    cell = Cell(tmp_path, "power", 3.0, 1.0, until=(20,), modes=6, runs=2_000)
    moments = read(measure(cell))[0][20]
    predicted = phase_diagram([3.0, 4.0], [1.0, 2.0], 20, model="power", modes=6)
    grid = measured_grid(predicted, [moments] * 4)
    share = grid.measured.explained_variance
    assert ((grid.low < share) & (share < grid.high)).all()
    assert float((grid.high - grid.low).max()) < 0.02
