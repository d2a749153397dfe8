"""Event files that nobody should have written: words, never a failure, and what is good beside them is shown."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorboard.compat.proto import tensor_pb2, tensor_shape_pb2, types_pb2

from infogeo_tensorboard.metadata import probe_metadata, tag_metadata
from infogeo_tensorboard.problems import RecordedError
from tests.tab.event_files import RunFiles, WrittenProbe, amplitudes_of, answers_of, trajectory, write_run
from tests.tab.tab_app import TabApp

COURSE = trajectory(6)


def opened(folder):
    """Returns the application, the state and the map after all of it has been asked for."""
    app = TabApp(folder)
    found = [app.ask("map", map=one["key"]) for one in app.ask("state")["maps"]]
    for one in found:
        for run in one["runs"]:
            for route in ("samples", "cartography", "sample", "picture"):
                assert app.respond(route, map=one["key"], run=run, step=0, sample=0).status_code in (200, 400, 404)
            assert app.respond("pair", map=one["key"], a=run, b=one["runs"][0]).status_code in (200, 400)
    return app, app.ask("state"), found


def run_of(state, name):
    return next(run for run in state["runs"] if run["name"] == name)


BAD_METADATA = {
    "no JSON": (b"{", "no JSON"),
    "bytes": (b"\xff\xfe\x00", "no JSON"),
    "nested without end": (b"[" * 100_000, "no JSON"),
    "no object": (b"[1]", "no JSON object"),
    "nothing": (b"", "no JSON"),
    "no format": (b"{}", "no format"),
    "odd format": (b'{"format": "1"}', "no format"),
    "a kind that there is not": (b'{"format": 1, "kind": ["x"]}', "kind"),
    "a later format": (b'{"format": 2}', "newer version"),
}


@pytest.mark.parametrize("case", BAD_METADATA)
def test_metadata_that_cannot_be_read_are_said_and_the_others_shown(tmp_path, case):
    content, words = BAD_METADATA[case]
    files = RunFiles(tmp_path / "bad")
    files.tensor("infogeo/val/amplitudes", np.zeros((3, 3), np.uint8), 0, content or b" ")
    files.close()
    write_run(tmp_path / "good", COURSE)
    _, state, found = opened(tmp_path)
    assert words in run_of(state, "bad")["problem"]
    assert "bad: " in state["problem"]
    assert run_of(state, "good")["problem"] is None
    assert [one["runs"] for one in found] == [["good"]]


BAD_FIELDS = {
    "samples": [0, -1, 1.5, "3", None, True, 10**12, [1]],
    "classes": [0, -1, None, 10**12, "10"],
    "width": [0, 9, None, 10**12],
    "labels": [[0], "labels", [0.5] * 32, [-1] * 32, [10] * 32, [True] * 32, [None] * 32],
    "indices": [[0] * 32, [0], [-1] * 32, "all"],
    "class_names": [["a"], "abc", [1] * 10],
    "quantities": [None, [], ["progress"], "optimizer_step", [1]],
    "floor": [0, 1, -1, "x", None, float("nan"), True],
    "sketch": [{}, {"seed": "x"}, "yes", 0.5],
    "fingerprint": ["", None, 3],
    "probe": ["", None, 3],
    "monitor": ["", None, 3],
    "of": [0, "x"],
}


@pytest.mark.parametrize(("field", "value"), [(name, value) for name, all_of in BAD_FIELDS.items() for value in all_of])
def test_a_field_that_cannot_be_is_named(field, value):
    good = json.loads(WrittenProbe().metadata("amplitudes", "infogeo", {}))
    assert probe_metadata(json.dumps(good).encode()).samples == 32
    with pytest.raises(RecordedError, match=field):
        probe_metadata(json.dumps(good | {field: value}).encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(sorted(json.loads(WrittenProbe().metadata("numbers", "infogeo", {})))), JSON)
@settings(max_examples=300)
def test_whatever_a_field_is_there_are_words_or_an_answer(field, value):
    good = json.loads(WrittenProbe().metadata("numbers", "infogeo", {}))
    content = json.dumps(good | {field: value}).encode()
    for read in (tag_metadata, probe_metadata):
        said = ""
        try:
            read(content)
        except RecordedError as error:
            said = str(error)
        assert len(said) < 300


def units(count):
    return np.zeros((count, 10), np.uint8)


BAD_TENSORS = {
    "amplitudes": [units(3), np.zeros((32, 10), np.float32), np.uint8(3), units(0)],
    "answers": [
        np.zeros((32, 2), np.float16),
        np.full((32, 3), np.nan, np.float16),
        np.full((32, 3), 11, np.float16),
        np.full((32, 3), -np.inf, np.float32),
        np.array(b"text"),
    ],
    "numbers": [np.zeros(2), np.full(3, np.nan), np.array([1e300, 0, 0]), np.zeros(3, np.int32)],
}
CASES = [(kind, index) for kind, tensors in BAD_TENSORS.items() for index in range(len(tensors))]


@pytest.mark.parametrize(("kind", "index"), CASES)
def test_a_tensor_that_does_not_fit_is_left_out_and_said(tmp_path, kind, index):
    probe, files = WrittenProbe(), RunFiles(tmp_path / "a")
    for step, one in enumerate(COURSE):
        files.record(step, probe, one)
    files.part(probe, kind, BAD_TENSORS[kind][index], 3)  # stands for that of the record
    for step in (4, 5):
        files.part(probe, kind, _good(files, probe, kind, step), step)
    files.close()
    _, state, (found,) = opened(tmp_path)
    assert found["steps"] == [0, 1, 2, 4, 5]
    assert f"infogeo/val/{kind}" in state["problem"] or f"{kind} of 1 record" in state["problem"]


def _good(files, probe, kind, step):
    p = COURSE[step]
    if kind == "amplitudes":
        return amplitudes_of(p)
    if kind == "numbers":
        return np.array([step, np.nan, np.nan])
    return answers_of(p, probe.truth)


def test_a_run_none_of_whose_tensors_fit_has_no_points(tmp_path):
    probe, files = WrittenProbe(), RunFiles(tmp_path / "a")
    for step in range(3):
        files.record(step, probe, COURSE[step])
        files.part(probe, "amplitudes", np.zeros((7, 7), np.uint8), step)
    files.close()
    write_run(tmp_path / "b", COURSE)
    app, state, (found,) = opened(tmp_path)
    assert found["runs"] == ["b"]
    assert "shape (32, 10)" in run_of(state, "a")["problem"]
    code, answer = app.get("samples", map=found["key"], run="a", step=1)
    assert (code, "shape (32, 10)" in answer["error"]) == (400, True)


BAD_EVENTS = {
    "no JSON": ("{", "no JSON"),
    "no object": ("[]", "no JSON object"),
    "a later format": ('{"format": 2}', "newer version"),
    "nested without end": ("[" * 100_000, "no JSON"),
}


@pytest.mark.parametrize("case", BAD_EVENTS)
def test_events_that_cannot_be_read_are_said(tmp_path, case):
    text, words = BAD_EVENTS[case]
    write_run(tmp_path / "a", COURSE)
    files = RunFiles(tmp_path / "a")
    files.events(6, text)
    files.close()
    _, state, (found,) = opened(tmp_path)
    assert words in state["runs"][0]["problem"]
    assert state["runs"][0]["events"] == []
    assert len(found["coordinates"]) == 6


@given(st.dictionaries(st.sampled_from(["events", "verdicts", "steps", "ended", "format"]), JSON))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_events_say_the_state_is_json(tmp_path_factory, known):
    folder = tmp_path_factory.mktemp("events")
    files = RunFiles(folder / "a")
    files.events(0, json.dumps(known))
    files.close()
    app = TabApp(folder)
    (run,) = app.ask("state")["runs"]
    assert isinstance(run["events"], list)
    assert all(isinstance(one, dict) for one in run["events"])
    assert all(isinstance(value, str) for value in run["verdicts"].values())


@pytest.mark.parametrize("pictures", [np.zeros((2, 65, 8, 1), np.uint8), np.zeros((3, 8, 8, 1), np.uint8), np.zeros(3)])
def test_pictures_that_are_none_are_not_there(tmp_path, pictures):
    write_run(tmp_path / "a", COURSE)
    files = RunFiles(tmp_path / "a")
    files.pictures(WrittenProbe(), pictures, [0, 1], step=9)
    files.close()
    app = TabApp(tmp_path)
    assert app.get("picture", map=app.key(), run="a", sample=0)[0] == 404
    assert not any(app.ask("cartography", map=app.key(), run="a")["picture"])


def test_names_are_data_as_they_are(tmp_path):
    name = "<img src=x onerror=alert(1)> & 'x' \u202e ünï"
    probe = WrittenProbe(name="<b>val</b>", extra={"class_names": ["</script>"] * 10})
    run = {"id": "x", "continues": None, "metadata": {"hyperparameters": {"<i>": "<script>"}, "model": float("nan")}}
    write_run(tmp_path / name, COURSE, probe, run=run)
    app, state, (found,) = opened(tmp_path)
    assert state["runs"][0]["name"] == name
    assert found["runs"] == [name]
    assert state["runs"][0]["metadata"] == {"<i>": "<script>", "model": None}
    assert state["maps"][0]["class_names"] == ["</script>"] * 10
    assert app.respond("state").content_type == "application/json"
    assert app.respond("state").headers["X-Content-Type-Options"] == "nosniff"


def test_tags_of_other_samples_under_one_probe_are_said(tmp_path):
    files = RunFiles(tmp_path / "a")
    for step, one in enumerate(COURSE):
        files.part(WrittenProbe(), "numbers", np.array([step, 0.0, 0.0]), step)
        files.part(WrittenProbe(fingerprint="other"), "amplitudes", amplitudes_of(one), step)
    files.close()
    _, state, found = opened(tmp_path)
    assert found == []
    assert "of other samples" in state["problem"]


def test_a_tensor_that_is_none_costs_its_run_alone(tmp_path):
    files = RunFiles(tmp_path / "bad")
    for step, one in enumerate(COURSE):
        files.record(step, WrittenProbe(), one)
    shape = tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=10**9)] * 2)
    torn = tensor_pb2.TensorProto(dtype=types_pb2.DT_UINT8, tensor_shape=shape, tensor_content=b"torn")
    files.tensor("infogeo/val/amplitudes", torn, 6)
    files.close()
    write_run(tmp_path / "good", COURSE)
    _, state, (found,) = opened(tmp_path)
    assert found["runs"] == ["good"]
    assert "cannot be read (ValueError" in run_of(state, "bad")["problem"]
    assert run_of(state, "good")["problem"] is None
