"""Pictures of known trees."""

import io

import torch

from lightning_infogeo import figures
from lightning_infogeo.topology import effective_capacity, learning_graph, learning_surface
from tests.helpers.neuron_clouds import branching, meeting, sheet


def drawn(figure):
    figure.savefig(io.BytesIO(), format="png")
    return figure


def dashed(axes):
    return [line for line in axes.get_lines() if line.get_linestyle() == "--"]


def test_a_tree_has_every_node_and_edge_and_a_cycle_is_dashed():
    graphs = {"tree": learning_graph(*branching()), "ring": learning_graph(*meeting(), lens="pca")}
    figure = drawn(figures.learning_tree(graphs))
    for axes, graph in zip(figure.axes[:2], graphs.values(), strict=True):
        assert len(axes.collections[-1].get_offsets()) == len(graph.graph)
        assert len(axes.get_lines()) == graph.graph.number_of_edges()
        assert len(dashed(axes)) == graph.cycle_rank
    assert figure.axes[0].get_title().startswith("tree: a tree\n")
    assert "cycle rank 1" in figure.axes[1].get_title()


def test_no_edge_of_a_tree_crosses_and_children_are_later():
    graph = learning_graph(*branching())
    (axes, *_) = figures.learning_tree({"tree": graph}).axes
    for line in axes.get_lines():
        assert abs(line.get_xdata()[0] - line.get_xdata()[1]) == 1
    places = {tuple(place) for place in axes.collections[-1].get_offsets().tolist()}
    assert len(places) == len(graph.graph)


def test_an_empty_graph_and_a_sample_say_so():
    empty = learning_graph(torch.ones(1, 1, 2))
    some = learning_graph(*branching(), max_points=200)
    titles = [axes.get_title() for axes in drawn(figures.learning_tree({"none": empty, "some": some})).axes]
    assert "0 components" in titles[0]
    assert "200 of 3600 points" in titles[1]
    drawn(figures.learning_tree({"none": empty}))


def test_paths_norms_capacity_and_sheets_show_every_layer():
    vectors, steps = branching()
    layers = {"first": (vectors, steps), "narrow": (vectors[:, :3, :2].numpy(), steps.numpy())}
    paths = drawn(figures.neuron_paths(layers, most=10))
    assert "10 of 30 neurons" in paths.axes[0].get_title()
    norms = drawn(figures.weight_norms(layers))
    assert [len(axes.get_lines()) for axes in norms.axes] == [31, 4]
    torch.testing.assert_close(torch.as_tensor(norms.axes[0].get_lines()[4].get_ydata()), vectors[:, 4].norm(dim=-1))
    capacities = {name: effective_capacity(*layer) for name, layer in layers.items()}
    (axes,) = drawn(figures.capacity(capacities)).axes
    assert axes.get_lines()[0].get_ydata().tolist() == capacities["first"].clusters.tolist()
    surfaces = {"sheet": learning_surface(sheet())}
    (axes, _) = drawn(figures.sheets(surfaces, torch.arange(40))).axes
    assert "dimension 2" in axes.get_title()


def test_one_record_of_one_neuron_can_be_drawn():
    layers = {"one": (torch.ones(1, 1, 1), torch.tensor([0]))}
    paths = drawn(figures.neuron_paths(layers)).axes[0]
    assert paths.get_title().startswith("one: 1 neurons")
    (beginning,) = paths.get_lines()
    assert [float(place[0]) for place in beginning.get_data_3d()] == [0, 0, 0]
    norms = drawn(figures.weight_norms(layers)).axes[0]
    assert [line.get_ydata().tolist() for line in norms.get_lines()] == [[1], [1]]
    capacity = drawn(figures.capacity({"one": effective_capacity(*layers["one"])})).axes[0]
    assert capacity.get_lines()[0].get_ydata().tolist() == [1]
    sheet_of_one = drawn(figures.sheets({"one": learning_surface(*layers["one"])}, layers["one"][1])).axes[0]
    assert [points.get_offsets().tolist() for points in sheet_of_one.collections] == [[[0, 0]]] * 2
