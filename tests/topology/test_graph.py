"""Learning graphs of trajectories whose branches are known."""

import sys

import numpy as np
import pytest
import torch

from lightning_infogeo.topology import interval_overlap, learning_graph
from tests.helpers.neuron_clouds import branching, bundle, meeting


def shape(graph):
    """What does not depend on the numbers of nodes."""
    nodes = sorted((n["size"], n["step"], round(n["lens"], 9), len(n["neurons"])) for _, n in graph.nodes(data=True))
    edges = sorted(
        (*sorted((graph.nodes[a]["size"], graph.nodes[b]["size"])), data["shared"])
        for a, b, data in graph.edges(data=True)
    )
    return nodes, edges


@pytest.mark.parametrize(("intervals", "late"), [(30, (150, 120)), (60, (110, 100))])
def test_branches_of_a_known_tree_are_found(intervals, late):
    found = learning_graph(*branching(), intervals=intervals)
    assert (found.components, found.cycle_rank, found.is_tree) == (1, 0, True)
    assert len(found.leaves) == 4  # three ends and the root
    assert len(found.branch_nodes) == len(found.branch_steps) == 2
    for parted, step, most in zip([400, 800], found.branch_steps, late, strict=True):
        assert parted < step <= parted + most
    ends = [found.graph.nodes[leaf]["neurons"] for leaf in found.leaves if found.graph.nodes[leaf]["step"] > 1000]
    assert sorted(ends) == [tuple(range(10)), tuple(range(10, 20)), tuple(range(20, 30))]


def test_a_turning_point_of_the_lens_is_a_leaf_only_with_nested_clusters():
    bare, nested = (learning_graph(*branching(), nested=nested) for nested in (False, True))
    assert len(nested.leaves) > len(bare.leaves) == 4
    assert (nested.components, nested.cycle_rank) == (bare.components, bare.cycle_rank) == (1, 0)
    ring, whole = (learning_graph(*meeting(), lens="pca", nested=nested) for nested in (False, True))
    assert (ring.components, ring.cycle_rank) == (whole.components, whole.cycle_rank) == (1, 1)


def test_the_first_principal_coordinate_can_be_the_lens():
    """Along it two of the three ends lie apart; the branch across it does not show."""
    found = learning_graph(*branching(), lens="pca")
    assert found.is_tree
    assert len(found.leaves) == 2


def test_groups_that_meet_again_make_a_cycle():
    found = learning_graph(*meeting(), lens="pca")
    assert (found.components, found.cycle_rank, found.is_tree) == (1, 1, False)
    assert len(found.branch_nodes) == 2
    np.testing.assert_allclose(found.branch_steps, [30, 90], atol=8)


@pytest.mark.parametrize("max_points", [5000, 400])
def test_nodes_say_which_neuron_was_there_at_which_record(max_points):
    vectors, steps = branching()
    found = learning_graph(vectors, steps, max_points=max_points)
    everywhere = set()
    for _, node in found.graph.nodes(data=True):
        points = node["points"]
        record, neuron = points // vectors.shape[1], points % vectors.shape[1]
        assert (points.diff() > 0).all()
        assert len(points) == node["size"]
        assert (tuple(neuron.unique().tolist()), tuple(steps[record.unique()].tolist())) == (
            node["neurons"],
            node["steps"],
        )
        everywhere.update(points.tolist())
    assert everywhere == set(range(found.points))  # none is by itself


def test_groups_that_never_touch_are_components_and_no_tree():
    vectors, steps = branching()
    far = torch.cat([vectors[:, ::3], 3 + vectors[:, ::3]], dim=1)
    found = learning_graph(far, steps)
    assert (found.components, found.cycle_rank, found.is_tree) == (2, 0, False)


@pytest.mark.parametrize("max_points", [5000, 400])
def test_the_order_of_neurons_changes_nothing(max_points):
    vectors, steps = branching()
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    a, b = (learning_graph(v, steps, max_points=max_points) for v in (vectors, vectors[:, order]))
    assert shape(a.graph) == shape(b.graph)
    assert (a.branch_steps, a.kept) == (b.branch_steps, b.kept)
    renamed = {tuple(sorted(order[list(n["neurons"])].tolist())) for _, n in b.graph.nodes(data=True)}
    assert renamed == {n["neurons"] for _, n in a.graph.nodes(data=True)}


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 3.0, 1e6])
def test_scale_changes_nothing_but_the_unit(scale):
    vectors, steps = (tensor.double() for tensor in branching())
    a, b = learning_graph(vectors, steps), learning_graph(scale * vectors, steps)
    assert set(a.graph.edges) == set(b.graph.edges)
    assert a.branch_steps == b.branch_steps
    assert (b.eps, b.spacing) == pytest.approx((scale * a.eps, scale * a.spacing))


@pytest.mark.parametrize("share", [0.5, 1, 4])
def test_the_automatic_eps_gives_the_tree_however_often_it_is_recorded(share):
    vectors, _ = branching(neurons=9)
    resampled = torch.nn.functional.interpolate(vectors.permute(1, 2, 0), scale_factor=share, mode="linear")
    found = learning_graph(resampled.permute(2, 0, 1))
    assert found.is_tree
    assert (len(found.leaves), len(found.branch_nodes)) == (4, 2)


@pytest.mark.parametrize("records", [20, 30, 60, 201])
def test_the_automatic_intervals_follow_the_sampling(records):
    """With 30 a clean bundle falls into pieces where it is recorded too coarsely for them."""
    found = learning_graph(*bundle(records))
    assert (found.components, found.cycle_rank, len(found.leaves)) == (1, 0, 5)
    assert (found.intervals == 30) == (records == 201)
    if records < 60:
        assert learning_graph(*bundle(records), intervals=30).components > 20


def test_the_automatic_intervals_are_those_of_nine_neurons_of_ten_and_of_a_scale_free_cloud():
    vectors, steps = bundle(60)
    jumping = vectors.clone()
    jumping[30, 0] += 0.05  # six times as far as any moves, and within the range of the lens
    assert learning_graph(jumping, steps).intervals == learning_graph(vectors, steps).intervals > 20
    assert learning_graph(1e-9 * vectors.double(), steps).intervals == learning_graph(vectors.double(), steps).intervals
    assert learning_graph(vectors[:1]).intervals == 30  # one record has nothing to follow
    far = 10 * torch.randn(4, 10, 3, generator=torch.Generator().manual_seed(0))
    assert learning_graph(far).intervals == 5
    coarse = learning_graph(vectors, steps, overlap=0.2)
    assert coarse.intervals < learning_graph(vectors, steps).intervals / 2
    assert coarse.components == 1


def test_a_neuron_that_jumps_joins_nothing_else():
    """One spike must not set the distance for all: eps is at most the width of the intervals."""
    vectors, steps = branching()
    vectors[60, 0] += 100.0
    found = learning_graph(vectors, steps, lens="pca", intervals=1000)
    assert found.eps == pytest.approx(found.spacing / (1 - 0.4975))


def test_farthest_points_give_the_same_tree_and_all_points_count():
    vectors, steps = branching()
    whole, some = learning_graph(vectors, steps), learning_graph(vectors, steps, max_points=300)
    assert (whole.kept, whole.radius) == (3600, 0)
    assert some.kept == 300
    assert 0 < some.radius <= some.eps / 2
    assert some.is_tree
    assert len(some.leaves) == 4
    np.testing.assert_allclose(some.branch_steps, whole.branch_steps, atol=100)
    assert set().union(*(n["neurons"] for _, n in some.graph.nodes(data=True))) == set(range(30))
    assert sum(n["size"] for _, n in some.graph.nodes(data=True)) >= 3600


def test_a_representative_of_several_points_is_a_cluster_by_itself():
    vectors = torch.tensor([0.0, 0, 0, 5, 10, 10]).reshape(1, 6, 1)
    found = learning_graph(vectors, intervals=2, lens="pca", eps=1.0, max_points=3)
    assert found.kept == 3
    assert sorted(n["size"] for _, n in found.graph.nodes(data=True)) == [2, 3]  # the 5 is alone, and left out


@pytest.mark.parametrize(("overlap", "convention"), [(0.5, "spacing"), (1 / 3, "interval")])
def test_intervals_are_those_computed_by_hand(overlap, convention):
    """Range [0, 8], four intervals 2 apart and 3 wide: [−½, 2½], [1½, 4½], [3½, 6½], [5½, 8½]."""
    vectors = torch.arange(9.0).reshape(1, 9, 1)
    found = learning_graph(vectors, lens="pca", intervals=4, overlap=overlap, convention=convention, eps=1.1)
    assert [n["neurons"] for _, n in sorted(found.graph.nodes(data=True))] == [
        (0, 1, 2),
        (2, 3, 4),
        (4, 5, 6),
        (6, 7, 8),
    ]
    assert sorted(found.graph.edges(data="shared")) == [(0, 1, 1), (1, 2, 1), (2, 3, 1)]


def test_the_notebook_s_overlap_has_its_width():
    share = interval_overlap(0.99, "spacing")
    assert 1 / (1 - share) == pytest.approx(1.99)
    assert share == pytest.approx(0.4975, abs=1e-4)
    with pytest.raises(ValueError, match="no three intervals meet"):
        interval_overlap(0.99)  # taken as it stands, intervals would be a hundred times as wide as their spacing


def test_edges_are_those_of_keplermapper_itself():
    """Its own nerve, which tries all pairs, and its own DBSCAN, on the same points."""
    import kmapper
    from sklearn.cluster import DBSCAN

    from lightning_infogeo.topology import neuron_cloud

    vectors, steps = branching(records=60)
    ours = learning_graph(vectors, steps, intervals=30, nested=True)
    points = neuron_cloud(vectors, steps).points
    theirs = kmapper.KeplerMapper(verbose=0).map(
        points.norm(dim=1)[:, None].numpy(),
        points.numpy(),
        cover=kmapper.Cover(n_cubes=30, perc_overlap=0.4975),
        clusterer=DBSCAN(eps=ours.eps, min_samples=2),
    )
    assert len(theirs["nodes"]) == len(ours.graph)
    assert sum(map(len, theirs["links"].values())) == ours.graph.number_of_edges()
    sizes = sorted(map(len, theirs["nodes"].values()))
    assert sizes == sorted(size for _, size in ours.graph.nodes(data="size"))


@pytest.mark.parametrize("vectors", [torch.ones(5, 4, 3), torch.ones(1, 4, 3), torch.zeros(5, 2, 1)])
def test_identical_neurons_are_one_node(vectors):
    found = learning_graph(vectors)
    assert (len(found.graph), found.is_tree, found.leaves) == (1, True, ())
    assert found.graph.nodes[0]["size"] == vectors.shape[0] * vectors.shape[1]


def test_a_single_point_is_no_cluster():
    found = learning_graph(torch.ones(1, 1, 3))
    assert (len(found.graph), found.components, found.is_tree) == (0, 0, False)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_and_arrays_are_taken(dtype):
    vectors, steps = branching()
    assert learning_graph(vectors.to(dtype), steps).is_tree
    assert shape(learning_graph(vectors.numpy(), steps.numpy()).graph) == shape(learning_graph(vectors, steps).graph)


@pytest.mark.parametrize(
    ("vectors", "options", "message"),
    [
        (torch.zeros(2, 3), {}, r"shape \(records, neurons, fan_in\)"),
        (torch.zeros(2, 0, 3), {}, "none of them 0"),
        (torch.zeros(2, 3, 4, dtype=torch.int64), {}, "must be floating"),
        (torch.full((2, 3, 4), torch.nan), {}, "NaN"),
        (torch.zeros(2, 3, 4), {"steps": [1, 1]}, "increasing"),
        (torch.zeros(2, 3, 4), {"steps": [1, 2, 3]}, "each of the 2 records"),
        (torch.zeros(2, 3, 4), {"lens": "l2"}, "lens='l2'"),
        (torch.zeros(2, 3, 4), {"intervals": 0}, "intervals=0"),
        (torch.zeros(2, 3, 4), {"overlap": 0.5}, "below half"),
        (torch.zeros(2, 3, 4), {"convention": "old"}, "convention='old'"),
        (torch.zeros(2, 3, 4), {"eps": -1.0}, "eps=-1.0"),
        (torch.zeros(2, 3, 4), {"eps": "big"}, "eps='big'"),
        (torch.zeros(2, 3, 4), {"min_samples": 0}, "min_samples=0"),
        (torch.zeros(2, 3, 4), {"dimensions": 0}, "dimensions=0"),
    ],
)
def test_impossible_input_is_named(vectors, options, message):
    with pytest.raises(ValueError, match=message):
        learning_graph(vectors, **options)


@pytest.mark.parametrize("missing", ["kmapper", "networkx"])
def test_a_missing_extra_names_its_installation(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(
        ModuleNotFoundError, match=rf"{missing} is missing: pip install 'lightning-infogeo\[topology\]'"
    ):
        learning_graph(*branching())
