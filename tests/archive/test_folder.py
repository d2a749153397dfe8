"""Names of folders: a local path is local whatever it contains, and only what has a scheme is a URL."""

import os

import pytest

from lightning_infogeo import Trajectory
from lightning_infogeo.archive import Archive, Folder, find_archives
from tests.helpers.synthetic_archives import write
from tests.helpers.synthetic_runs import training

NAMES = [
    "model::a",
    "simplecache::b",
    "lr=0.1:seed=2",
    "file:c",
    "run #3",
    "what?",
    "[x]",
    "50 % off",
    "a%20b",
    "$HOME",
    "~old",
    "ünïcode–日本",
    "back\\slash",
]


@pytest.fixture
def run():
    return training(1, records=3, samples=5)


@pytest.mark.parametrize("name", NAMES)
def test_a_local_path_is_local_whatever_it_contains(tmp_path, monkeypatch, run, name):
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)
    given = str(inside / name)
    assert Folder(name).local
    assert Folder(name).path == Folder(given).path == given
    path = write(f"{name}/infogeo.zarr", run)
    assert os.listdir(inside) == [name]
    assert os.listdir(tmp_path) == ["inside"]
    assert Trajectory.open(path).steps.tolist() == run.steps.tolist()
    assert find_archives(given) == [str(inside / name / "infogeo.zarr")]
    assert find_archives(f"{inside}/*") == find_archives(f"{inside / name}/*.zarr") == find_archives(given)
    copied = Folder(f"{given}/copy.zarr")
    copied.copy_from(Folder(path))
    assert Archive(f"{given}/copy.zarr").run == Archive(path).run


def test_only_a_star_stands_for_other_characters(tmp_path, run):
    for name in ("a", "b", "[ab]"):
        write(tmp_path / name / "1.zarr", run)
    assert find_archives(f"{tmp_path}/[ab]/*") == [str(tmp_path / "[ab]" / "1.zarr")]
    assert len(find_archives(f"{tmp_path}/*/1.zarr")) == 3
    with pytest.raises(FileNotFoundError):
        find_archives(f"{tmp_path}/?/*")


def test_a_tilde_alone_is_the_home_of_the_user(tmp_path, monkeypatch, run):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Folder("~/runs/a.zarr").path == str(tmp_path / "runs" / "a.zarr")
    assert Folder("runs/~/a.zarr").path.endswith("runs/~/a.zarr")


@pytest.mark.parametrize("url", ["memory://bucket/a.zarr", "simplecache::memory://bucket/a.zarr"])
def test_what_has_a_scheme_is_a_url(tmp_path, run, url):
    import fsspec

    write(tmp_path / "a.zarr", run)
    memory = fsspec.filesystem("memory")
    memory.put(str(tmp_path / "a.zarr"), "/bucket/a.zarr", recursive=True)
    try:
        assert not Folder(url).local
        assert Trajectory.open(url).steps.tolist() == run.steps.tolist()
    finally:
        memory.rm("/bucket", recursive=True)
