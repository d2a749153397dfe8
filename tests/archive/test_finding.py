"""Archives are found below a folder and get short names."""

import os

import pytest

from lightning_infogeo.archive import find_archives
from lightning_infogeo.cli.runs import find_runs, short_names
from tests.helpers.synthetic_archives import write
from tests.helpers.synthetic_runs import training


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("logs")
    run = training(1, records=2, samples=5)
    for name in ("version_10/infogeo.zarr", "version_2/infogeo.zarr", "mine.zarr"):
        write(where / name, run)
    os.symlink(where, where / "version_2" / "round")  # must not be followed
    return where


def test_archives_are_found_at_any_depth_in_the_order_of_their_numbers(folder):
    found = [path.removeprefix(f"{folder}/") for path in find_archives(folder)]
    assert found == ["mine.zarr", "version_2/infogeo.zarr", "version_10/infogeo.zarr"]
    assert find_archives(folder / "mine.zarr") == [str(folder / "mine.zarr")]
    assert find_archives(f"{folder}/version_*") == [str(folder / f"version_{n}" / "infogeo.zarr") for n in (2, 10)]
    assert len(find_runs([str(folder), str(folder / "mine.zarr"), f"{folder}/version_2"])) == 3


def test_archives_are_found_in_other_file_systems(folder):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put(str(folder / "mine.zarr"), "/bucket/runs/a/infogeo.zarr", recursive=True)
    memory.put(str(folder / "mine.zarr"), "/bucket/runs/b/infogeo.zarr", recursive=True)
    expected = ["memory://bucket/runs/a/infogeo.zarr", "memory://bucket/runs/b/infogeo.zarr"]
    assert [path.replace(":///", "://") for path in find_archives("memory://bucket/runs")] == expected
    assert [path.replace(":///", "://") for path in find_archives("memory://bucket/*/b")] == expected[1:]
    with pytest.raises(FileNotFoundError):
        find_archives("memory://bucket/nothing")


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/x/runs/a/infogeo.zarr"], ["a"]),
        (["/x/runs/a.zarr"], ["a"]),
        (
            ["/x/a/lightning_logs/version_0/infogeo.zarr", "/x/b/lightning_logs/version_1/infogeo.zarr"],
            ["a/version_0", "b/version_1"],
        ),
        (["/x/a/version_0/infogeo.zarr", "/y/a/version_0/infogeo.zarr"], ["x", "y"]),
        (["/x/a/infogeo.zarr", "/x/a/infogeo_1.zarr"], ["a", "a/infogeo_1"]),
        (["/x/infogeo.zarr", "/x/b/infogeo.zarr"], ["x", "x/b"]),
        (["/x/a.zarr", "/x/a/infogeo.zarr"], ["a.zarr", "a"]),
        (["s3://one/r.zarr", "s3://two/r.zarr"], ["one", "two"]),
    ],
)
def test_names_are_what_differs(paths, names):
    assert short_names(paths) == names
