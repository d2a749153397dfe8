"""Exponents of finite-size scaling are those of curves that were made with them."""

import math
import sys

import numpy as np
import pytest
import torch

from lightning_infogeo import figures
from lightning_infogeo.scaling.collapse import Curves
from lightning_infogeo.scaling.finite_size import finite_size_scaling
from tests.helpers.crossovers import scaled, shaken

SIZES = (32, 64, 128, 256)


def family(seed=0, runs=1, **settings):
    return [[scaled(n, seed=1000 * seed + 10 * i + k, **settings) for k in range(runs)] for i, n in enumerate(SIZES)]


@pytest.fixture(scope="module")
def ten():
    return [finite_size_scaling(family(seed), SIZES, draws=40) for seed in range(10)]


@pytest.mark.parametrize(("name", "true", "off"), [("shift", -0.5, 0.15), ("width", 0.3, 0.12), ("height", -0.2, 0.06)])
def test_exponents_lie_in_their_intervals(ten, name, true, off):
    """Nominal 0.95; of 40 simulated families with as few draws, 0.85, 0.95, 0.9; of 25 with 200, 0.92, 1, 0.92."""
    found = [getattr(scaling, name) for scaling in ten]
    assert sum(one.low <= true <= one.high for one in found) >= 8
    assert abs(np.mean([one.value for one in found]) - true) < off
    assert all(one.low < one.high for one in found)


def test_curves_that_grow_narrower_with_the_size_sharpen(ten):
    assert sum(scaling.verdict == "sharpening" for scaling in ten) >= 8
    assert all(scaling.quality < scaling.unscaled / 2 for scaling in ten)
    knees = torch.stack([scaling.knees for scaling in ten]).log().mean(0)
    assert torch.allclose(knees.exp(), 1500 * (ten[0].sizes / 64) ** -0.5, rtol=0.25)


def test_curves_that_only_move_are_a_shift_and_no_sharpening():
    """They fall on one another just as well, and had the same verdict, though they speak against a transition."""
    found = [finite_size_scaling(family(seed, runs=3, a=0, b=0), SIZES, draws=40) for seed in range(5)]
    assert sum(scaling.verdict == "shift" for scaling in found) >= 4
    assert abs(np.mean([scaling.shift.value for scaling in found]) + 0.5) < 0.15
    assert abs(np.mean([scaling.width.value for scaling in found])) < 0.15


def test_an_interval_that_leaves_a_factor_of_two_open_is_no_shift():
    """As noise grows, a holds 0 because it is not known, which speaks against nothing."""
    found = [finite_size_scaling(family(seed, a=0, b=0, noise=0.07), SIZES, draws=40) for seed in range(1, 6)]
    around = [one for one in found if one.width.low <= 0 <= one.width.high and one.verdict != "noise"]
    wide = [8 ** max(-one.width.low, one.width.high) >= 2 for one in around]
    assert [one.verdict == "undecided" for one in around] == wide
    assert sum(wide) >= 2


def test_curves_that_grow_wider_with_the_size_broaden():
    found = [finite_size_scaling(family(seed, a=-0.3, b=0.2), SIZES, draws=40) for seed in range(2)]
    assert {scaling.verdict for scaling in found} == {"broadening"}


def test_curves_of_two_shapes_do_not_collapse():
    for seed in range(3):
        mixed = [[scaled(n, noise=0.03, seed=9 * seed + n, dips=1 + i % 2)] for i, n in enumerate(SIZES)]
        found = finite_size_scaling(mixed, SIZES, draws=40)
        assert found.verdict == "no collapse"
        assert found.collapse_p < 0.05
        assert found.quality > 2


def test_curves_that_do_not_depend_on_the_size_coincide():
    found = finite_size_scaling(family(shift=0, a=0, b=0, runs=2), SIZES, draws=40)
    assert found.verdict == "coincide"
    assert all(one.low < 0 < one.high for one in (found.shift, found.width, found.height))


def test_trainings_without_a_knee_have_no_exponents():
    steps, _ = scaled(64)
    found = finite_size_scaling([(steps, shaken(steps**0.5, 0.2, seed)) for seed in range(3)], [1, 2, 4], draws=40)
    assert found.verdict == "no knee"
    assert math.isnan(found.width.value)
    assert found.knees.isnan().any()
    figures.collapse(found).canvas.draw()


def test_units_and_order_do_not_matter():
    plain = finite_size_scaling(family(), SIZES, draws=40)
    family_in_other_units = [[(steps / 512, 1024 * length) for steps, length in group] for group in family()]
    other = finite_size_scaling(family_in_other_units, [8 * n for n in SIZES], draws=40)
    for name in ("shift", "width", "height"):
        assert getattr(other, name) == pytest.approx(getattr(plain, name), abs=5e-3)
    assert torch.allclose(other.knees, plain.knees / 512, rtol=1e-6)
    assert other.verdict == plain.verdict
    turned = finite_size_scaling(family()[::-1], SIZES[::-1], draws=40)
    assert turned.sizes.tolist() == list(SIZES)
    assert torch.allclose(turned.knees, plain.knees)


def test_exact_curves_give_their_exponents_back():
    grid, scales = np.linspace(-3, 3, 81), np.array([0.4, 1.0, 2.5])
    values = -(scales[:, None] ** 0.5) / np.cosh(grid * scales[:, None] ** 0.7) ** 2
    curves = Curves(grid, values, np.full_like(values, 0.05), scales)
    found = curves.fit([(0, 0)])
    assert (found.a, found.b) == pytest.approx((0.7, -0.5), abs=0.01)
    assert found.quality < 1e-2 < curves.quality(0, 0)
    # By hand, at the minimum of the middle one: the others lie at −0.4^0.5 and −2.5^0.5, with equal errors.
    middle = (0.4**0.5 + 2.5**0.5) / 2
    common, variance = curves.common(0, 0)
    assert common[1, 40] == pytest.approx(-middle)
    assert variance[1, 40] == pytest.approx(0.05**2 / 2)


def test_missing_points_are_left_out():
    grid, scales = np.linspace(-3, 3, 81), np.array([0.5, 1.0, 2.0])
    values = np.tile(-1 / np.cosh(grid) ** 2, (3, 1))
    values[0, :30] = np.nan
    curves = Curves(grid, values, np.full_like(values, 0.05), scales)
    assert curves.quality(0, 0) == pytest.approx(0, abs=1e-20)
    assert np.isfinite(curves.aligned().values).sum() == np.isfinite(values).sum()


def test_the_figure_shows_every_size_raw_collapsed_and_its_knee(ten, tmp_path):
    figure = figures.collapse(ten[0], title="widths")
    left, middle, right = figure.axes
    assert [text.get_text() for text in left.get_legend().get_texts()] == [f"n = {n}" for n in SIZES]
    assert len(left.lines) == len(middle.lines) == len(SIZES)
    lowest = [line.get_xdata()[line.get_ydata().argmin()] for line in middle.lines]
    assert all(abs(x) < 0.1 for x in lowest)
    assert len(right.containers) == len(SIZES)
    assert right.get_xscale() == right.get_yscale() == "log"
    assert ten[0].verdict in middle.get_title()
    figure.savefig(tmp_path / "collapse.png")


@pytest.mark.parametrize(
    ("curves", "sizes", "settings", "message"),
    [
        (2, (32, 64), {}, r"finite_size_scaling\(sizes=\[32, 64\]\)`: needs three sizes or more"),
        (4, (1, 2, 2, 3), {}, "positive and each once"),
        (4, (0, 1, 2, 3), {}, "positive and each once"),
        (4, (1, 2, 3), {}, "got 4 curves and 3 sizes; give one size for each"),
        (4, SIZES, {"window": 0}, r"finite_size_scaling\(window=0, draws=200\)`: window must be positive"),
        (4, SIZES, {"draws": 3}, "draws 20 or more"),
    ],
)
def test_what_cannot_be_scaled_is_refused(curves, sizes, settings, message):
    with pytest.raises(ValueError, match=message):
        finite_size_scaling(family()[:curves], sizes, **settings)


def test_a_size_without_runs_is_refused():
    with pytest.raises(ValueError, match="holds a size without a run; leave it out"):
        finite_size_scaling([*family()[:3], []], SIZES)


def test_without_scipy_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ModuleNotFoundError, match=r"lightning-infogeo\[analysis\]"):
        finite_size_scaling(family(), SIZES, draws=20)
