"""Figures of a comparison draw what it holds."""

import io

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from lightning_infogeo.comparison import compare, leaf_order
from lightning_infogeo.figures import COLOURS, joint, speed, trajectory_distances
from tests.helpers.synthetic_runs import on_the_geodesic, training


@pytest.fixture(scope="module")
def comparison():
    return compare(
        [training(2 * way + k, way=way, size=k) for way in range(2) for k in range(2)], group_by=["way", "size"]
    )


def texts(figure):
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def lines_of(axes, count):
    return [line for line in axes.get_lines() if len(line.get_xdata()) == count]


def test_the_map_has_a_line_a_run_in_its_groups_colour(comparison):
    figure = joint(comparison, "way")
    drawn = lines_of(figure.axes[0], 25)
    assert [to_hex(line.get_color()).upper() for line in drawn] == [COLOURS[k] for k in (0, 0, 1, 1)]
    x = np.concatenate([line.get_xdata() for line in drawn])
    np.testing.assert_allclose(x, comparison.embedding.coordinates[:, 0])
    np.testing.assert_allclose(lines_of(figure.axes[1], 11)[0].get_ydata(), comparison.embedding.milestones[:, 2])
    assert texts(figure) == ["way = w0", "way = w1", "ignorance", "geodesic", "truth"]
    assert f"{comparison.embedding.explained_stress:.0%} of the stress in 3 dimensions" in figure.get_suptitle()


def test_the_factor_that_matters_most_colours_by_default(comparison):
    assert texts(joint(comparison))[0] == "way = w0"
    assert texts(joint(comparison, "size"))[0] == "size = 0"


def test_the_heat_map_stands_in_the_order_of_the_tree(comparison):
    figure = trajectory_distances(comparison)
    order = leaf_order(comparison.tree)
    left, right = figure.axes[:2]
    np.testing.assert_allclose(right.images[0].get_array(), comparison.distances[order][:, order])
    assert [tick.get_text() for tick in left.get_yticklabels()] == [comparison.names[k] for k in order]
    joins = sorted(max(line.get_xdata()) for line in lines_of(left, 4))
    np.testing.assert_allclose(joins, comparison.tree[:, 2])
    assert "shuffled within classes" in texts(figure)


def test_speed_shows_progress_and_tubes(comparison):
    figure = speed(comparison, "way")
    left, right = figure.axes[:2]
    assert len(lines_of(left, 25)) == 4
    np.testing.assert_allclose(left.get_lines()[2].get_ydata(), comparison.courses[2].progress)
    widths = [line.get_ydata() for line in lines_of(right, 100)]
    expected = [comparison.tubes[name].mean for name in ("all", "way=w0", "way=w1")]  # none of the sizes
    np.testing.assert_allclose(np.stack(widths), torch.stack(expected))


RUNS_DRAWN = {
    joint: lambda figure: lines_of(figure.axes[0], 2),  # of two records each
    trajectory_distances: lambda figure: figure.axes[1].images[0].get_array(),
    speed: lambda figure: lines_of(figure.axes[0], 2),
}


@pytest.mark.parametrize("draw", RUNS_DRAWN)
@pytest.mark.parametrize(("count", "groups_named"), [(1, 0), (45, 16)])
def test_one_run_and_many_groups_can_be_drawn(draw, count, groups_named):
    """All runs are drawn, and no more than sixteen groups named; of one run there is no group."""
    runs = [on_the_geodesic([0.1, 0.5 + k / 100], f"r{k}", group=k // 2) for k in range(count)]
    figure = draw(compare(runs, n=5, n_components=2, draws=0))
    figure.savefig(io.BytesIO(), format="png", dpi=30)
    assert len(RUNS_DRAWN[draw](figure)) == count
    named = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert len([text for text in named if text.startswith("group = ")]) == groups_named
