"""What was made of other data or by other settings is not taken for what is asked for now."""

import json

import numpy as np
import pytest

from replications import finite_size_runs, kept, knee_runs, linear_models, manifold_runs
from replications.kept import Origin, OtherOriginError, cost
from replications.linear_networks import Cell, measure
from replications.sigmoids import Setting, train
from tests.helpers.idx_files import write_idx, write_mnist


@pytest.fixture
def file(tmp_path):
    """A training as it is kept: the note first, then the file."""
    write_mnist(tmp_path / "data")
    path = tmp_path / "runs" / "mnist_0.001_0.zarr"
    Origin({"rate": 0.001, "widths": (32, 64)}, "mnist", tmp_path / "data").note(path)
    path.write_text("trained")
    return path


@pytest.fixture(autouse=True)
def forgotten():
    for each in (kept._say_once, kept.fingerprint):
        each.cache_clear()


def test_what_is_there_and_of_the_same_origin_is_kept(file, tmp_path):
    origin = Origin({"rate": 0.001, "widths": (32, 64)}, "mnist", tmp_path / "data")
    assert origin.kept(file)
    assert not origin.kept(file.with_name("another.zarr"))


@pytest.mark.parametrize(
    ("settings", "difference"),
    [
        ({"rate": 0.002, "widths": (32, 64)}, r"another rate, 0\.001, where 0\.002"),
        ({"rate": 0.001, "widths": (32, 64, 128)}, r"another widths, \[32, 64\], where \[32, 64, 128\]"),
    ],
)
def test_another_setting_is_refused_and_named(file, tmp_path, settings, difference):
    with pytest.raises(OtherOriginError, match=f"mnist_0.001_0.zarr was made with {difference}.*another --logdir"):
        Origin(settings, "mnist", tmp_path / "data").kept(file)


def test_other_images_are_refused_and_the_same_elsewhere_are_not(file, tmp_path):
    settings = {"rate": 0.001, "widths": (32, 64)}
    write_mnist(tmp_path / "elsewhere", packed=False)
    assert Origin(settings, "mnist", tmp_path / "elsewhere").kept(file)
    name = "t10k-labels-idx1-ubyte.gz"
    written = write_mnist(tmp_path / "other")
    write_idx(tmp_path / "other" / "MNIST" / "raw" / name, np.roll(written[name], 1))
    with pytest.raises(OtherOriginError, match="another content of the images"):
        Origin(settings, "mnist", tmp_path / "other").kept(file)
    assert Origin(settings, "mnist", None).kept(file), "without the images only settings can be held against it"


def test_a_setting_that_was_not_noted_then_is_no_difference(file, tmp_path):
    assert Origin({"rate": 0.001, "batch": 64}, "mnist", tmp_path / "data").kept(file)


def test_what_was_kept_without_a_note_is_taken_and_said_once(tmp_path, capsys):
    for name in ("a.pt", "b.pt"):
        (tmp_path / name).write_text("trained")
    for _ in range(2):
        assert all(
            Origin({"rate": 1}, "mnist", tmp_path / "nowhere").kept(tmp_path / name) for name in ("a.pt", "b.pt")
        )
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"{tmp_path} holds trainings without a note of their data and settings: they are taken as they are."
    ]


def test_the_note_is_read_by_people_and_has_no_paths(file, tmp_path):
    note = file.with_suffix(".origin")
    assert set(json.loads(note.read_text())) == {"rate", "widths", "content of the images"}
    assert str(tmp_path) not in note.read_text()


def test_the_cost_says_of_how_many_it_is(tmp_path):
    paths = [tmp_path / f"{k}.zarr" for k in range(3)]
    for path in paths[:2]:
        path.with_suffix(".seconds").write_text("2700.0\n")
    assert cost(paths[:2]) == "1.5 CPU hours"
    assert cost(paths) == "1.5 CPU hours for 2 of 3, the others' was not kept"
    assert cost(paths[:1]) == "0.75 CPU hours"


def asked(kind, folder, other):
    """A training, or one of the same file name by another setting: its origin, its file, and what would train it."""
    if kind in (manifold_runs, linear_models):
        plan = (manifold_runs.Plan if kind is manifold_runs else linear_models.LinearPlan)(folder, None)
        run = kind.planned("digits", fast=True)[0]
        return plan._origin(run), plan.archive(run), lambda: plan.train(run)
    if kind in (knee_runs, finite_size_runs):
        plan = kind.Plan(folder, None, **({"width" if kind is knee_runs else "steps": 64} if other else {}))
        run = kind.planned(fast=True)[0]
        return plan._origin(run), plan.file(run), lambda: plan.train(run)
    if kind is Setting:
        setting = Setting("digits", None, folder, 0, lr=0.1 if other else 0.05)
        return setting.origin, setting.path, lambda: train(setting)
    cell = Cell(folder, "power", 1.0 + 1e-9 * other, 1.0)
    return cell.origin, cell.path, lambda: measure(cell)


@pytest.mark.parametrize("kind", [manifold_runs, linear_models, knee_runs, finite_size_runs, Setting, Cell])
def test_every_replication_refuses_what_has_its_name_and_other_settings(kind, tmp_path, monkeypatch):
    origin, path, again = asked(kind, tmp_path, other=False)
    origin.note(path)
    path.touch()
    assert again() == path, "it is taken"
    monkeypatch.setitem(manifold_runs.STEPS, "digits", 61)
    other, same_path, again = asked(kind, tmp_path, other=True)
    assert (other != origin, same_path) == (True, path)
    with pytest.raises(OtherOriginError, match="was made with another"):
        again()
