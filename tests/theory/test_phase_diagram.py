"""Where few dimensions are enough."""

import pytest
import torch

from lightning_infogeo.theory import hyper_ribbon, phase_diagram, predicted_spectrum
from tests.helpers.linear_training import decaying

DECAY, SCALE, STEPS = [0.1, 0.5, 2.0], [0.01, 1.0, 100.0], [1, 10, 1000, 10**6]


@pytest.mark.parametrize(
    ("controls", "names", "fixed"),
    [
        ({"decay": DECAY, "scale": SCALE, "steps": 1000}, ("decay", "scale"), 1000),
        ({"decay": DECAY, "scale": 10.0, "steps": STEPS}, ("decay", "steps"), 10),
        ({"decay": 0.5, "scale": torch.tensor(SCALE), "steps": torch.tensor(STEPS)}, ("scale", "steps"), 0.5),
    ],
)
def test_every_cell_is_a_prediction(controls, names, fixed):
    diagram = phase_diagram(**controls, modes=20, lr=0.9, momentum=0.3)
    assert (diagram.rows, diagram.columns, diagram.fixed) == (*names, fixed)
    for i, row in enumerate(diagram.row_values.tolist()):
        for j, column in enumerate(diagram.column_values.tolist()):
            cell = controls | {names[0]: row, names[1]: column}
            lam, steps = decaying(float(cell["decay"]), 20), int(cell["steps"])
            alone = predicted_spectrum(lam, float(cell["scale"]) * torch.ones(20), 1.0, 0.9, steps, momentum=0.3)
            assert diagram.explained_variance[i, j] == pytest.approx(alone.explained_variance(3), rel=1e-10)
            assert diagram.explained_stress[i, j] == pytest.approx(alone.explained_stress(2), rel=1e-8)
            assert diagram.dimensions[i, j] == alone.dimensions()
            assert diagram.is_ribbon[i, j] == hyper_ribbon(alone).is_ribbon


def test_under_a_power_law_a_cell_is_the_prediction_of_such_eigenvalues():
    diagram = phase_diagram([1.0, 2.0], SCALE, 1000, model="power", modes=20)
    index = torch.arange(1, 21, dtype=torch.float64)
    for i, exponent in enumerate((1.0, 2.0)):
        for j, scale in enumerate(SCALE):
            alone = predicted_spectrum(index**-exponent, scale * torch.ones(20), 1.0, 1.0, 1000)
            assert diagram.explained_variance[i, j] == pytest.approx(alone.explained_variance(3), rel=1e-10)
    assert diagram.model == "power"
    assert phase_diagram([1.0, 2.0], SCALE, 1000, modes=20).model == "exponential"
    with pytest.raises(ValueError, match="model='linear'"):
        phase_diagram(DECAY, SCALE, 10, model="linear")


def test_the_boundary_is_where_the_prediction_has_the_threshold():
    scales = torch.logspace(-2, 2, 81)
    diagram = phase_diagram([0.3, 0.5], scales, 1000)
    points = diagram.boundary
    assert [row for row, _ in points] == pytest.approx([0.3, 0.5])
    for decay, scale in points:
        at = predicted_spectrum(decaying(decay, 60), scale * torch.ones(60), 1.0, 1.0, 1000).explained_variance(3)
        assert at == pytest.approx(0.9, abs=0.005)
    strict = phase_diagram([0.3, 0.5], scales, 1000, threshold=0.97)
    assert strict.boundary == []
    assert not strict.is_ribbon.any()


def test_boundaries_of_decay_are_linear():
    diagram = phase_diagram(torch.linspace(0.05, 3, 60), [0.01, 0.02], 2)
    transposed = diagram._replace(
        rows="scale", columns="decay", row_values=diagram.column_values, column_values=diagram.row_values,
        explained_variance=diagram.explained_variance.mT,
    )  # fmt: skip
    for scale, decay in transposed.boundary:
        at = predicted_spectrum(decaying(decay, 60), scale * torch.ones(60), 1.0, 1.0, 2).explained_variance(3)
        assert at == pytest.approx(0.9, abs=0.005)
    assert len(transposed.boundary) == 2


def test_large_targets_make_ribbons_and_small_ones_do_not():
    diagram = phase_diagram([0.2, 0.5, 0.9], [0.01, 100.0], 1000)
    assert diagram.is_ribbon[:, 1].all()
    assert not diagram.is_ribbon[:, 0].any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((DECAY, SCALE, STEPS), "two of the three"),
        ((0.5, SCALE, 10), "two of the three"),
        ((0.5, 1.0, 10), "two of the three"),
        (([], SCALE, 10), "two of the three"),
        (([-0.1], SCALE, 10), "decay=.*at least 0"),
        ((DECAY, [0.0], 10), "scale=.*positive"),
        ((DECAY, [float("nan")], 10), "scale=.*finite"),
        ((DECAY, 1.0, [0]), "steps=.*at least 1"),
        ((DECAY, 1.0, [1.5]), "whole numbers"),
    ],
)
def test_impossible_grids_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        phase_diagram(*arguments)


def test_a_learning_rate_that_diverges_is_an_error():
    with pytest.raises(ValueError, match="diverges"):
        phase_diagram(DECAY, SCALE, 10, lr=2.0)
    with pytest.raises(ValueError, match="modes=0"):
        phase_diagram(DECAY, SCALE, 10, modes=0)
    with pytest.raises(ValueError, match="threshold=3"):
        phase_diagram(DECAY, SCALE, 10, threshold=3)
