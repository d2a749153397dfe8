"""Archives of before distances were over the common range still compare, and have what is derived from records."""

import tarfile
from pathlib import Path

import pytest
import torch

from lightning_infogeo import Trajectory
from lightning_infogeo.cli import main
from lightning_infogeo.comparison import compare

FOUND_THEN = [0.0301935134, 0.0124052744, 0.0212483587, 0.0232878416, 0.0182303160, 0.0120928303]
"""Distances over the whole range, by the commit that wrote the archives (before 4337c70, a chunk for each record)."""


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Networks of two widths, twice each: 30 steps on three classes, whose weights were followed too."""
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(Path(__file__).parents[1] / "helpers" / "before_common_range.tar.xz") as packed:
        packed.extractall(folder, filter="data")
    return [folder / f"{name}.zarr" for name in ("4_0", "4_1", "16_0", "16_1")]


def test_they_compare_and_their_distances_of_then_are_those_of_the_whole_range(archives):

    found = compare([Trajectory.open(path, "val") for path in archives])
    above = torch.ones(4, 4, dtype=torch.bool).triu(1)
    torch.testing.assert_close(found.whole_range[above], torch.tensor(FOUND_THEN).double(), rtol=1e-5, atol=0)
    reached = [float(course.progress.max()) for course in found.courses]
    assert reached[0] < 0.8 < 0.95 < reached[2]  # the smaller networks stop early
    assert found.distances[0, 2] != found.whole_range[0, 2]
    torch.testing.assert_close(found.distances[2, 3], found.whole_range[2, 3], rtol=0.1, atol=0)
    assert [row.pairs for row in found.group_pairs("hyperparameters.width")] == [1, 4, 1]


def test_their_weights_have_a_length_without_the_floor(archives):
    network = Trajectory.open(archives[0], "parameters/network")
    assert network.corrected_length.shape == network.length.shape
    assert 0 < network.corrected_length[-1] < network.length[-1]
    assert network.corrected_length_error[-1] > 0


def test_the_command_line_compares_them(archives, capsys):
    main(["compare", *map(str, archives)])
    assert "Pairs of groups" in capsys.readouterr().out
