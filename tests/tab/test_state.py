"""What is listed: runs by name and monitor, maps by what was evaluated, which run goes on with which."""

import numpy as np
import pytest

from infogeo_tensorboard.json_values import flat_metadata
from tests.tab.event_files import RunFiles, WrittenProbe, trajectory, write_run
from tests.tab.tab_app import TabApp

COURSE = trajectory(4)


def run(identity, continues=None, **metadata):
    return {"id": identity, "continues": continues, "metadata": metadata}


def listed(app):
    return {one["name"]: one for one in app.ask("state")["runs"]}


def test_an_empty_log_directory_has_nothing_and_no_problem(tmp_path):
    state = TabApp(tmp_path).ask("state")
    assert (state["format"], state["problem"], state["maps"], state["runs"]) == (1, None, [], [])


def test_runs_are_listed_as_people_count_and_monitors_apart(tmp_path):
    for name in ("run_10", "run_2", "x"):
        write_run(tmp_path / name, COURSE)
    write_run(tmp_path / "x", COURSE, monitor="second")
    app = TabApp(tmp_path)
    names = ["run_2", "run_10", "x · infogeo", "x · second"]
    assert list(listed(app)) == names
    assert app.ask("map", map=app.key())["runs"] == names


def test_a_run_called_as_two_monitors_of_another_has_a_name_of_its_own(tmp_path):
    write_run(tmp_path / "x", COURSE)
    write_run(tmp_path / "x", COURSE, monitor="second")
    write_run(tmp_path / "x · second", COURSE)
    assert sorted(listed(TabApp(tmp_path))) == ["x · infogeo", "x · second", "x · second · infogeo (2)"]


DIFFERENT = {
    "fingerprint": {"fingerprint": "other"},
    "labels": {"labels": [1] * 32},
    "indices": {"indices": list(range(1, 33)), "of": 40},
    "sketch": {"sketch": {"seed": 1}},
    "width": {"sketch": {"seed": 1}, "width": 8},
}


@pytest.mark.parametrize("difference", DIFFERENT)
def test_what_was_evaluated_on_other_samples_is_on_another_map(tmp_path, difference):
    write_run(tmp_path / "a", COURSE)
    write_run(tmp_path / "b", COURSE, WrittenProbe(extra=DIFFERENT[difference]))
    write_run(tmp_path / "c", COURSE, WrittenProbe(name="of another name"))
    maps = TabApp(tmp_path).ask("state")["maps"]
    assert [one["runs"] for one in maps] == [["a", "c"], ["b"]]
    assert [one["title"] for one in maps] == [f"val · 32 samples of 10 classes · {one['key'][:6]}" for one in maps]


@pytest.mark.parametrize(("sketch", "maps"), [({"seed": 0, "of": 40}, 2), ({"of": 64, "seed": 0}, 1)])
def test_sketches_share_a_map_only_where_all_that_made_them_is_the_same(tmp_path, sketch, maps):
    for name, one in (("a", {"seed": 0, "of": 64}), ("b", sketch)):
        write_run(tmp_path / name, COURSE, WrittenProbe(extra={"sketch": one, "width": 10, "classes": 100}))
    assert len(TabApp(tmp_path).ask("state")["maps"]) == maps


def test_one_run_with_the_same_samples_twice_is_on_the_map_once(tmp_path):
    write_run(tmp_path / "a", COURSE)
    write_run(tmp_path / "a", COURSE, WrittenProbe(name="val_1"))
    app = TabApp(tmp_path)
    assert len(app.ask("map", map=app.key())["coordinates"]) == len(COURSE)


def test_maps_that_validate_come_first(tmp_path):
    for name in "ab":
        write_run(tmp_path / name, COURSE, WrittenProbe(name="train", fingerprint="t", trained=True))
    write_run(tmp_path / "a", COURSE)
    maps = TabApp(tmp_path).ask("state")["maps"]
    assert [(one["probe"], one["trained"]) for one in maps] == [("val", False), ("train", True)]
    assert maps[0]["title"] == "val · 32 samples of 10 classes"
    assert (maps[1]["records"], maps[1]["labelled"], maps[1]["sketched"]) == (8, True, False)


def test_a_run_goes_on_with_that_whose_id_it_names_or_has(tmp_path):
    told = {  # name: what it says, when it began, at which step
        "a": (run("1"), 0, 0),
        "b": (run("2", "1"), 1, 5),
        "c": (run("1"), 2, 5),
        "d": (run("9", "unknown"), 3, 5),
        "e": (run("5", "5"), 4, 5),
        "copy": (run("1"), 0, 0),
        "of a second logger": (run("1"), 0.002, 0),
        "copy of c": (run("1"), 2, 5),
        "again from the checkpoint of c": (run("1"), 6, 5),
        "beyond": (run("1"), 7, 8),
    }
    for name, (said, wall, step) in told.items():
        files = RunFiles(tmp_path / name, run=said)
        files.record(step, WrittenProbe(), COURSE[0], wall=1000.0 + wall)
        files.close()
    found = {name: one["continues"] for name, one in listed(TabApp(tmp_path)).items()}
    first = found["b"]
    assert first in ("a", "copy", "of a second logger")
    assert found == {
        "a": None,
        "b": first,
        "c": first,
        "d": None,
        "e": None,
        "copy": None,
        "of a second logger": None,
        "copy of c": first,
        "again from the checkpoint of c": first,
        "beyond": "again from the checkpoint of c",
    }


def test_what_is_known_is_what_was_written_last(tmp_path):
    files = RunFiles(tmp_path / "a", run=run("1", model="Net"))
    for step, one in enumerate(COURSE):
        files.record(10 * step, WrittenProbe(), one)
        event = {"name": "overfitting", "probe": "val", "step": step, "strength": 0.5}
        files.events(step, {"format": 1, "events": [event], "steps": {"last": None, "planned": 90}, "ended": step == 3})
    files.close()
    found = listed(TabApp(tmp_path))["a"]
    assert found["events"][0]["step"] == 3
    assert (found["last"], found["planned"], found["ended"]) == (30, 90, True)
    assert found["metadata"] == {"model": "Net"}


def test_the_revision_changes_when_something_does_and_only_then(tmp_path):
    write_run(tmp_path / "a", COURSE)
    write_run(tmp_path / "b", COURSE, WrittenProbe(fingerprint="other"))
    app = TabApp(tmp_path)

    def revisions():
        state = app.ask("state")
        return state["revision"], {one["runs"][0]: one["revision"] for one in state["maps"]}

    whole, maps = revisions()
    app.ask("map", map=app.ask("state")["maps"][0]["key"])
    app.reload()
    assert revisions() == (whole, maps)
    write_run(tmp_path / "b", COURSE[:1], WrittenProbe(fingerprint="other"), steps=[9])
    app.reload()
    later, maps_later = revisions()
    assert later != whole
    assert maps_later["a"] == maps["a"]
    assert maps_later["b"] != maps["b"]
    files = RunFiles(tmp_path / "a")
    files.events(9, {"format": 1})
    files.close()
    app.reload()
    assert revisions()[0] != later


def test_a_record_of_which_a_part_is_missing_waits(tmp_path):
    files = RunFiles(tmp_path / "a")
    for step in (0, 1):
        files.record(step, WrittenProbe(), COURSE[step])
    files.part(WrittenProbe(), "numbers", np.array([2.0, np.nan, np.nan]), 2)  # not finite: no predictions
    files.record(3, WrittenProbe(), COURSE[3])
    files.close()
    app = TabApp(tmp_path)
    assert app.ask("map", map=app.key())["steps"] == [0, 1, 3]
    assert app.ask("samples", map=app.key(), run="a", step=2)["steps"] == [0, 1, 3]


def test_a_limit_on_records_is_said(tmp_path):
    assert "samples_per_plugin infogeo=7" in TabApp(tmp_path, hints={"infogeo": 7}).ask("state")["problem"]
    assert TabApp(tmp_path, hints={"infogeo": 0}).ask("state")["problem"] is None


def test_other_plugins_and_old_log_directories_have_nothing(tmp_path):
    files = RunFiles(tmp_path / "a")
    files.tensor("loss", np.float32(1), 0)
    files.close()
    assert TabApp(tmp_path).ask("state")["runs"] == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"model": "Net", "hyperparameters": {"model": "x"}}, {"model": "Net", "hyperparameters.model": "x"}),
        ({"hyperparameters": {"net": {"width": 3}, "lr": 1}}, {"net.width": 3, "lr": 1}),
        ({"hyperparameters": {"lr": 1}, "optimizers": [{"lr": 2, "name": "A"}]}, {"lr": 1, "optimizer": "A"}),
        ({"optimizers": [{"name": "A", "lr": 1}, {"name": "B", "lr": 2}]}, {"optimizer": "A, B", "lr": "1, 2"}),
        ({"betas": [0.9, 0.99], "seed": None}, {"betas": "[0.9, 0.99]", "seed": None}),
        ({"hyperparameters": 3, "optimizers": "x", "optimizer": "mine"}, {"optimizer": "mine"}),
        ("no object", {}),
        (None, {}),
    ],
)
def test_metadata_are_flat(given, expected):
    assert flat_metadata(given) == expected
