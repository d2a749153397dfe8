"""Few requests for many runs, only of what has changed, and what cannot be read for a while comes back."""

import numpy as np
import pytest

from infogeo_tensorboard import reader
from infogeo_tensorboard.troubles import Troubles
from tests.tab.event_files import RunFiles, WrittenProbe, trajectory
from tests.tab.tab_app import TabApp

COURSE = trajectory(6)
VAL, TRAIN = WrittenProbe(), WrittenProbe(name="train", fingerprint="t", trained=True)
PARTS = ("amplitudes", "answers", "numbers")


class Clock:
    """Stands still until it is moved."""

    seconds = 100.0

    def __call__(self):
        return self.seconds


def written(folder, count, probes=(VAL,)):
    """Writes runs, and returns their files, which may go on."""
    return [_written(folder, index, probes) for index in range(count)]


def _written(folder, index, probes):
    files = RunFiles(folder / f"run_{index}")
    for step, one in enumerate(COURSE):
        for probe in probes:
            files.record(step, probe, one)
    files.events(5, {"format": 1, "events": [{"name": f"of {index}"}]})
    files.flush()
    return files


def problems(app):
    return {run["name"]: run["problem"] for run in app.ask("state")["runs"] if run["problem"]}


def test_many_runs_are_read_by_one_request_and_then_those_alone_that_have_grown(tmp_path):
    files = written(tmp_path, 30, (VAL, TRAIN))
    app = TabApp(tmp_path)
    state = app.ask("state")
    assert [run["events"][0]["name"] for run in state["runs"]] == [f"of {index}" for index in range(30)]
    assert len(app.requests) == 1
    key = state["maps"][0]["key"]
    assert len(app.ask("map", map=key)["coordinates"]) == 180
    assert len(app.requests) == 2
    app.ask("state")
    app.ask("map", map=key)
    assert len(app.requests) == 2
    app.read.clear()
    for index in (3, 7):
        files[index].record(6, VAL, COURSE[0])
        files[index].flush()
    app.reload()
    assert len(app.ask("state")["runs"]) == 30
    assert sorted(app.read) == [(f"run_{index}", "infogeo/val/numbers") for index in (3, 7)]
    assert len(app.ask("map", map=key)["coordinates"]) == 182
    assert {run for run, _ in app.read} == {"run_3", "run_7"}
    assert len(app.requests) == 4


def test_a_request_is_no_larger_than_a_batch(tmp_path, monkeypatch):
    written(tmp_path, 9)
    app = TabApp(tmp_path)
    key = app.key()
    monkeypatch.setattr(reader, "BATCH", 20_000)  # of a run here: 6 (32 (10 + 12) + 24) = 4,368 bytes
    app.requests.clear()
    found = app.ask("map", map=key)
    assert len(app.requests) == 3
    assert max(app.requests) < 20_000
    assert found["runs"] == [f"run_{index}" for index in range(9)]
    monkeypatch.setattr(reader, "BATCH", 100)  # one at a time, at least
    fresh = TabApp(tmp_path)
    assert fresh.ask("map", map=key)["coordinates"] == found["coordinates"]


def test_what_does_not_fit_into_the_memory_is_on_the_map_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "ROOM", 3_000)
    written(tmp_path, 9)
    app = TabApp(tmp_path)
    assert app.ask("map", map=app.key())["runs"] == [f"run_{index}" for index in range(9)]
    assert len(app.requests) == 2  # of the state, which asks for the key, and of the map


@pytest.mark.parametrize("kind", PARTS)
def test_one_run_of_many_that_cannot_be_read_costs_itself_alone_and_few_requests(tmp_path, kind):
    written(tmp_path, 32)
    app = TabApp(tmp_path)
    app.away = {("run_20", f"infogeo/val/{kind}")}
    key = app.key()
    found = app.ask("map", map=key)
    assert found["runs"] == [f"run_{index}" for index in range(32) if index != 20]
    assert list(problems(app)) == ["run_20"]
    assert problems(app)["run_20"].startswith(f"infogeo/val/{kind}: it cannot be read (ConnectionError")
    assert len(app.requests) <= 2 * (5 + 3)  # halves of 32, then of its tags, for the state and for the map


def test_a_run_that_could_not_be_read_for_a_while_comes_back(tmp_path):
    written(tmp_path, 3)
    app, clock = TabApp(tmp_path), Clock()
    app.set_clock(clock)
    key = app.key()
    app.away = {("run_1", "infogeo/val/answers")}
    assert app.ask("map", map=key)["runs"] == ["run_0", "run_2"]
    assert app.get("samples", map=key, run="run_1", step=0)[0] == 400
    failing = app.ask("state")
    assert failing["maps"][0]["revision"] == app.ask("map", map=key)["revision"]
    assert "run_1: infogeo/val/answers" in failing["problem"]
    app.away, tried = set(), len(app.read)
    app.ask("map", map=key)
    assert len(app.read) == tried  # not at once again
    clock.seconds += 2
    due = app.ask("state")
    assert due["revision"] != failing["revision"]
    assert due["maps"][0]["revision"] != failing["maps"][0]["revision"]  # so the page asks for the map
    found = app.ask("map", map=key)
    assert found["runs"] == ["run_0", "run_1", "run_2"]
    state = app.ask("state")
    assert (state["problem"], problems(app)) == (None, {})
    assert state["maps"][0]["revision"] == found["revision"]
    tried = len(app.read)
    clock.seconds += 1_000
    assert app.ask("state") == state
    assert app.ask("map", map=key) == found
    assert len(app.read) == tried


def test_curves_and_events_that_could_not_be_read_come_back(tmp_path):
    written(tmp_path, 2)
    app, clock = TabApp(tmp_path), Clock()
    app.set_clock(clock)
    app.away = {("run_0", "infogeo/val/numbers"), ("run_0", "infogeo/events")}
    failing = app.ask("state")
    assert (failing["runs"][0]["last"], failing["runs"][0]["events"]) == (None, [])
    assert "infogeo/events: it cannot be read" in problems(app)["run_0"]
    assert "infogeo/val/numbers: it cannot be read" in problems(app)["run_0"]
    app.away = set()
    clock.seconds += 2
    state = app.ask("state")
    assert (state["runs"][0]["last"], state["runs"][0]["events"]) == (5, [{"name": "of 0"}])
    assert state["problem"] is None
    assert state["revision"] != failing["revision"]


def test_a_series_that_is_listed_and_empty_is_read_again(tmp_path):
    written(tmp_path, 2)
    app, clock = TabApp(tmp_path), Clock()
    app.set_clock(clock)
    key, whole = app.key(), app.provider.read_tensors
    app.provider.read_tensors = lambda *args, **kwargs: {}
    assert app.ask("map", map=key)["runs"] == []
    assert set(problems(app)) == {"run_0", "run_1"}
    app.provider.read_tensors = whole
    clock.seconds += 2
    assert app.ask("map", map=key)["runs"] == ["run_0", "run_1"]
    assert problems(app) == {}


def test_the_geodesic_of_sketches_comes_back_too(tmp_path):
    probe = WrittenProbe(classes=1000, extra={"width": 10, "sketch": {"seed": 0}})
    files = RunFiles(tmp_path / "a")
    for step, one in enumerate(COURSE):
        files.record(step, probe, np.full((32, 1000), 1e-3))
        files.part(probe, "amplitudes", np.round(127 * np.sqrt(one) + 128).astype(np.uint8), step)
    files.part(probe, "geodesic", np.round(127 * np.sqrt(COURSE[:3]) + 128).astype(np.uint8), 0)
    files.close()
    app, clock = TabApp(tmp_path), Clock()
    app.set_clock(clock)
    app.away = {("a", "infogeo/val/geodesic")}
    key = app.key()
    assert app.ask("map", map=key)["path"] is None
    assert "infogeo/val/geodesic: it cannot be read" in problems(app)["a"]
    app.away = set()
    clock.seconds += 2
    assert len(app.ask("map", map=key)["path"]) == 3
    assert problems(app) == {}


def test_it_is_tried_again_after_longer_and_longer_up_to_some_minutes():
    clock = Clock()
    troubles, waits = Troubles(clock), []
    for _ in range(12):
        troubles.failed("a", 1, "away", for_good=False)
        wait = next(seconds for seconds in range(1, 10_000) if not _waits(troubles, clock, seconds))
        waits.append(wait)
        clock.seconds += wait
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert troubles.mark("a") == (12, True)
    troubles.failed("a", 2, "torn", for_good=True)
    clock.seconds += 10**9
    assert troubles.waiting("a", 2) == "torn"
    assert troubles.waiting("a", 3) == ""
    troubles.read("a", 3, "")
    assert (troubles.words("a"), troubles.mark("a")) == ("", (0, False))


def _waits(troubles, clock, seconds):
    clock.seconds += seconds
    waits = troubles.waiting("a", 1)
    clock.seconds -= seconds
    return bool(waits)


def test_what_is_said_of_runs_that_are_gone_is_forgotten():
    troubles = Troubles()
    for key in "ab":
        troubles.failed(key, 1, "away", for_good=True)
    troubles.keep({"a"})
    assert (troubles.words("a"), troubles.words("b")) == ("away", "")
