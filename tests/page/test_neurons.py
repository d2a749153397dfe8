"""Neurons and dimensions on the page are those of the archive."""

import json

import numpy as np
import pytest
import torch

from lightning_infogeo.archive import Archive, ArchiveWriter, Folder, Row, to_arrays
from lightning_infogeo.cli import main
from lightning_infogeo.geodesics import geodesic, ignorance, truth
from lightning_infogeo.html_report.neuron_payload import neurons_of
from lightning_infogeo.theory import probe_spectrum
from lightning_infogeo.topology import effective_capacity, learning_graph, neuron_cloud

STEPS = torch.arange(80)
LABELS = torch.arange(30) % 3
INPUTS = torch.randn(30, 5, generator=torch.Generator().manual_seed(0)) * torch.tensor([4.0, 2.0, 1.0, 0.5, 0.2])


def vectors(neurons=4, fan_in=6):
    """Neurons that part in two: half go one way, half the other."""
    way = torch.zeros(neurons, fan_in)
    way[::2, 0], way[1::2, 1] = 1, -1
    return STEPS[:, None, None] / 80 * way + 1e-3 * torch.arange(neurons)[None, :, None]


def recorded(path):
    """Writes a run along the geodesic, with the inputs of its probe and the neurons of a layer."""
    writer = ArchiveWriter(Folder(path), {})
    tree, arrays = to_arrays(INPUTS)
    constants = {"labels": LABELS.numpy(), "inputs/0": arrays[0]}
    writer.add("val", ["length"], {"fingerprint": "f", "inputs": tree}, (30, 3), constants=constants)
    writer.add("neurons/net.0", (), {}, (4, 6), kind="vectors")
    for k, step in enumerate(STEPS.tolist()):
        like = torch.zeros(30, 3)
        amplitudes = geodesic(ignorance(like), truth(LABELS, like), 0.9 * k / 80).numpy()
        writer.append(step, {"val": Row([float(k)], amplitudes), "neurons/net.0": Row([], vectors()[k].numpy())})
    writer.commit()
    writer.close()


@pytest.fixture
def folder(tmp_path):
    recorded(tmp_path / "run.zarr")
    return tmp_path / "run.zarr"


def test_paths_capacity_and_graph_are_those_of_the_vectors(folder):
    (drawn,) = neurons_of([("run", Archive(folder))])
    cloud = neuron_cloud(vectors(), STEPS)
    assert drawn["name"] == "net.0"
    assert drawn["steps"] == STEPS.tolist()
    np.testing.assert_allclose(drawn["paths"], cloud.trajectories[:, :, :3].permute(2, 1, 0), rtol=1e-4, atol=1e-5)
    assert drawn["clusters"] == effective_capacity(cloud).clusters.tolist()
    graph = learning_graph(cloud)
    assert (drawn["graph"]["components"], drawn["graph"]["cycle_rank"]) == (graph.components, graph.cycle_rank)
    assert len(drawn["graph"]["x"]) == len(graph.graph)
    assert len(drawn["graph"]["edges"]) == graph.graph.number_of_edges()


def test_several_runs_are_told_apart_and_layers_without_records_left_out(folder):
    archive = Archive(folder)
    assert [one["name"] for one in neurons_of([("a", archive), ("b", archive)])] == ["a: net.0", "b: net.0"]


def test_the_page_has_both(folder, tmp_path):
    main(["report", str(folder), "-o", str(tmp_path / "report.html")])
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    data = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    assert [one["name"] for one in data["neurons"]] == ["net.0"]
    from lightning_infogeo.distances import pairwise_bhattacharyya

    distances = pairwise_bhattacharyya(Archive(folder)["val"].amplitudes[:])
    expected = probe_spectrum(INPUTS, LABELS, distances, STEPS)
    table = text.partition("<h2>Dimensions</h2>")[2].partition("</table>")[0]
    cells = [cell.partition("<")[0] for cell in table.split("<td class=number>")[1:]]
    assert cells[0] == f"{expected.slope.value:.4g}"
    assert cells[2:] == [str(expected.predicted_dimensions), str(expected.measured_dimensions)]
