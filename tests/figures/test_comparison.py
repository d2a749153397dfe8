"""Figures of a comparison draw what it holds."""

import io
import itertools

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from lightning_infogeo.comparison import compare, dendrogram, leaf_order
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
    assert f"{comparison.embedding.explained_stress:.0%} of the stress in 3 dimensions" in figure._suptitle.get_text()


def test_the_factor_that_matters_most_colours_by_default(comparison):
    assert texts(joint(comparison))[0] == "way = w0"
    assert texts(joint(comparison, "size"))[0] == "size = 0"


def test_the_heat_map_stands_in_the_order_of_the_tree(comparison):
    figure = trajectory_distances(comparison)
    order = leaf_order(comparison.tree)
    left, right = figure.axes[:2]
    shown = right.images[0].get_array()
    np.testing.assert_allclose(shown.data, comparison.distances[order][:, order])
    assert (shown.mask == np.eye(4, dtype=bool)).all()  # of a run to itself there is nothing to see
    apart = comparison.distances[~torch.eye(4, dtype=torch.bool)]
    assert right.images[0].get_clim() == (float(apart.min()), float(apart.max()))
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


def of_many(count, letters=12):
    """A comparison of so many runs by distances that are made up; all else is that of two."""
    runs = [on_the_geodesic([0.1, 0.5 + k / 10], f"r{k}", group=k) for k in range(2)]
    places = torch.rand(count, 5, generator=torch.Generator().manual_seed(count), dtype=torch.float64)
    distances = torch.cdist(places, places)
    return compare(runs, n=5, n_components=2, draws=1)._replace(
        names=tuple(f"{'n' * letters}_{k}" for k in range(count)),
        distances=distances,
        whole_range=distances,
        shuffled=distances + 0.1,
        tree=dendrogram(distances),
        metadata=tuple({"group": k % 9} for k in range(count)),
        groups={},
    )


def drawn(figure, dpi=100):
    """Lays the figure out; returns its renderer."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def pixels(figure, dpi=130):
    """The boxes of the leaves' names, from below, and that of the dendrogram's leaves and of the heat map."""
    renderer = drawn(figure, dpi)
    left, right = figure.axes[:2]
    names = [label.get_window_extent(renderer) for label in left.get_yticklabels()]
    return names, left.get_window_extent(), right.get_window_extent(), figure.bbox


@pytest.mark.parametrize(("count", "letters"), [(3, 90), (39, 20), (200, 12), (200, 90)])
def test_names_stand_at_the_leaves_and_do_not_overlap(count, letters):
    figure = trajectory_distances(of_many(count, letters), "group")
    names, tree, heat, paper = pixels(figure)
    assert len(names) == count
    assert all(below.y1 <= above.y0 for below, above in itertools.pairwise(names))
    assert all(5 <= box.x0 - tree.x1 <= 25 and box.x1 < heat.x0 for box in names)  # by the leaf, off the heat map
    assert min(box.height for box in names) >= 9  # can be read
    middle = figure.axes[0].transData.transform([(0, k) for k in range(count)])[:, 1]
    np.testing.assert_allclose([(box.y0 + box.y1) / 2 for box in names], middle, atol=3)
    assert tree.width > 0.15 * paper.width
    texts = {label.get_text() for label in figure.axes[0].get_yticklabels()}
    assert len(texts) == count  # also where they are shortened


def test_leaves_lie_at_zero_beside_their_names_and_joins_left_of_them():
    left = trajectory_distances(of_many(39), "group").axes[0]
    assert left.get_xlim()[0] > left.get_xlim()[1] == 0
    np.testing.assert_allclose(left.collections[0].get_offsets()[:, 1], range(39))


def test_groups_stand_once_beside_neighbours_that_share_them_and_can_be_read_on_a_page():
    comparison = of_many(39)
    figure = trajectory_distances(comparison, "group", leaves="groups")
    left = figure.axes[0]
    groups = comparison.group_by("group")
    values = [groups.values[int(groups.member[k])] for k in leaf_order(comparison.tree)]
    blocks = [(value, len(list(some))) for value, some in itertools.groupby(values)]
    assert [label.get_text() for label in left.get_yticklabels()] == [value for value, _ in blocks]
    ends = np.cumsum([size for _, size in blocks])
    middles = [end - (size + 1) / 2 for end, (_, size) in zip(ends, blocks, strict=True)]
    np.testing.assert_allclose(left.get_yticks(), middles)
    names, *_ = pixels(figure)
    assert all(below.y1 <= above.y0 for below, above in itertools.pairwise(names))
    assert min(label.get_fontsize() for label in left.get_yticklabels()) * 760 / 72 / figure.get_figwidth() >= 10
    with pytest.raises(ValueError, match="leaves='names'"):
        trajectory_distances(comparison, "group", leaves="names")


def test_beyond_two_hundred_runs_it_says_that_they_are_not_named():
    figure = trajectory_distances(of_many(201), "group")
    assert "201 runs: too many for names" in figure.axes[0].get_title()
    assert pixels(figure, 30)[0] == []
    assert figure.get_figheight() == 11
    assert trajectory_distances(of_many(200), "group").axes[0].get_title() == ""


def test_every_distance_has_a_colour_of_its_own_also_in_the_middle(comparison):
    """Lightness rises, and the middle is no grey: of red, green and blue one stands out."""
    colours = trajectory_distances(comparison).axes[1].images[0].cmap(np.linspace(0, 1, 11))[:, :3]
    assert (np.diff(colours @ [0.299, 0.587, 0.114]) > 0).all()
    assert (colours.max(1) - colours.min(1)).min() > 0.25
    import matplotlib

    mud = matplotlib.colormaps["cividis"](np.linspace(0, 1, 11))[:, :3]
    assert (mud.max(1) - mud.min(1)).min() < 0.1


def test_a_few_runs_without_factors_have_a_colour_each():
    runs = [on_the_geodesic([0.1, 0.5 + k / 10], f"r{k}") for k in range(3)]
    figure = joint(compare(runs, n=5, n_components=2, draws=0))
    assert texts(figure)[:3] == ["run = r0", "run = r1", "run = r2"]
    assert len({to_hex(line.get_color()) for line in lines_of(figure.axes[0], 2)}) == 3


@pytest.mark.parametrize("draw", [joint, speed, trajectory_distances])
def test_a_legend_of_long_values_stays_on_the_paper(draw):
    runs = [on_the_geodesic([0.1, 0.5 + k / 100], f"r{k}", group=f"{'v' * 80}{k // 2}") for k in range(12)]
    figure = draw(compare(runs, n=5, n_components=2, draws=1))
    renderer = drawn(figure)
    (legend,) = figure.legends
    box = legend.get_window_extent(renderer)
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.width
    assert len(set(texts(figure))) == len(texts(figure))


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
