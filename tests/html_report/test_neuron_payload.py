"""Neurons and dimensions on the page are those of the archive."""

import json

import numpy as np
import pytest

from lightning_infogeo.archive import Archive
from lightning_infogeo.cli import main
from lightning_infogeo.html_report.neuron_payload import neurons_of
from lightning_infogeo.theory import probe_spectrum
from lightning_infogeo.topology import effective_capacity, learning_graph, neuron_cloud
from tests.helpers.recorded_neurons import INPUTS, LABELS, STEPS, recorded, vectors
from tests.helpers.synthetic_archives import write
from tests.helpers.synthetic_runs import training


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
    assert cells[:2] == [str(expected.predicted_dimensions), str(expected.measured_dimensions)]
    assert cells[2] == f"{expected.slope.value:.4g}"
    assert cells[4] == f"{expected.decay.power.value:.4g}"
    assert cells[6] == str(expected.slope.last)


def test_dimensions_do_not_need_the_map_to_hold_all_distances(folder, tmp_path, monkeypatch):
    def told(*options):
        main(["report", str(folder), "-o", str(tmp_path / "report.html"), *options])
        text = (tmp_path / "report.html").read_text(encoding="utf-8")
        table = text.partition("<h2>Dimensions</h2>")[2].partition("</table>")[0]
        return [cell.partition("<")[0] for cell in table.split("<td class=number>")[1:]]

    assert told("--landmarks", "10") == told()
    assert len(told()) == 7


def test_a_run_without_dimensions_says_why(tmp_path):
    write(tmp_path / "a.zarr", training(1, records=6, samples=10))
    write(tmp_path / "b.zarr", training(2, records=6, samples=10))
    main(["report", str(tmp_path), "-o", str(tmp_path / "report.html")])
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    told = text.partition("<h2>Dimensions</h2>")[2].partition("</section>")[0]
    assert "No prediction for all runs: the archive does not hold the probe&#x27;s inputs" in told
    assert "<table>" not in told
