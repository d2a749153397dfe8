"""The tab in real TensorBoard processes, with both of its loaders."""

import ast
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from tensorboard.compat.proto import tensor_pb2, types_pb2

from tests.tab.event_files import RunFiles, WrittenProbe, trajectory, write_run
from tests.tab.served import FAST, ROOT, SLOW, installed, tensorboard
from tests.tab.tab_app import TabApp

PROBE = WrittenProbe()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return installed(tmp_path_factory.mktemp("site"))


@pytest.mark.parametrize("loader", [FAST, SLOW, (*SLOW, "--reload_multifile=true")], ids=["fast", "slow", "multifile"])
def test_a_log_directory_that_lives(tmp_path, site, loader):
    """300 records arrive; the run grows and is resumed; others appear, on another map, and are deleted."""
    path = tmp_path / "runs"
    whole = trajectory(400)
    steps = list(range(0, 900, 3))
    files = RunFiles(path / "a")
    for step, one in zip(steps, whole, strict=False):
        files.record(step, PROBE, one)
    files.events(900, {"format": 1, "events": [{"name": "overfitting"}], "verdicts": {}, "ended": False})
    files.flush()
    with tensorboard(path, site, *loader) as served:
        state = served.until(lambda state: state["maps"] and state["maps"][0]["records"] == 300)
        assert state["problem"] is None
        assert state["runs"][0]["events"] == [{"name": "overfitting"}]
        assert b'"infogeo"' in served.fetch("data/plugins_listing")[2]
        code, kind, module = served.fetch("data/plugin/infogeo/index.js")
        assert (code, b"render" in module) == (200, True)
        assert "javascript" in kind
        key = state["maps"][0]["key"]
        first = served.get("map", map=key)[1]
        assert first["steps"] == steps

        files.record(900, PROBE, whole[300])
        files.close()
        grown = served.until(lambda state: state["maps"][0]["records"] == 301)
        assert grown["revision"] != state["revision"]
        second = served.get("map", map=key)[1]
        assert second["steps"] == [*steps, 900]
        assert np.allclose(second["coordinates"][:300], first["coordinates"], atol=0.05)

        # Resumed into the same folder from step 600, with other steps than those that were interrupted.
        write_run(path / "a", whole[301:310], PROBE, range(601, 628, 3))
        served.until(lambda state: state["maps"][0]["records"] == 201 + 9)
        assert served.get("map", map=key)[1]["steps"] == [*range(0, 601, 3), *range(601, 628, 3)]

        write_run(path / "b", trajectory(7, seed=1), WrittenProbe(fingerprint="another"))
        write_run(path / "c", trajectory(5, seed=2), PROBE)
        state = served.until(lambda state: len(state["runs"]) == 3 and len(state["maps"]) == 2)
        on_maps = {one["key"]: one["runs"] for one in state["maps"]}
        assert on_maps.pop(key) == ["a", "c"]
        assert list(on_maps.values()) == [["b"]]
        assert len(served.get("map", map=key)[1]["coordinates"]) == 210 + 5

        shutil.rmtree(path / "c")
        state = served.until(lambda state: [run["name"] for run in state["runs"]] == ["a", "b"])
        assert served.get("map", map=key)[1]["runs"] == ["a"]


def test_both_loaders_and_this_process_give_the_same_map(tmp_path, site):
    for seed in range(3):
        write_run(tmp_path / f"run_{seed}", trajectory(20, seed))
    maps = []
    for loader in (FAST, SLOW):
        with tensorboard(tmp_path, site, *loader) as served:
            state = served.until(lambda state: state["maps"] and state["maps"][0]["records"] == 60)
            maps.append(served.get("map", map=state["maps"][0]["key"])[1])
    app = TabApp(tmp_path)
    maps.append(app.ask("map", map=app.key()))
    for one in maps:
        one.pop("revision")
    assert maps[0] == maps[1] == maps[2]


def test_a_number_of_records_that_the_user_gives_stays_and_is_said(tmp_path, site):
    write_run(tmp_path / "a", trajectory(30))
    with tensorboard(tmp_path, site, "--samples_per_plugin", "infogeo=5") as served:
        state = served.until(lambda state: state["maps"])
        assert state["maps"][0]["records"] <= 6
        assert "--samples_per_plugin infogeo=5" in state["problem"]


@pytest.mark.parametrize("loader", [FAST, SLOW], ids=["fast", "slow"])
def test_hostile_files_cost_their_runs_alone(tmp_path, site, loader):
    write_run(tmp_path / "good", trajectory(8))
    for name, content in {
        "nonsense": b"{",
        "nested": b"[" * 50_000,
        "bytes": bytes(range(256)),
        "later": LATER,
    }.items():
        files = RunFiles(tmp_path / name)
        files.tensor("infogeo/val/amplitudes", np.zeros((3, 3), np.uint8), 0, content)
        files.close()
    files = RunFiles(tmp_path / "torn")
    for step, one in enumerate(trajectory(8)):
        files.record(step, PROBE, one)
    files.tensor("infogeo/val/amplitudes", tensor_pb2.TensorProto(dtype=types_pb2.DT_UINT8, tensor_content=b"torn"), 8)
    files.events(8, "[1]")
    files.close()
    (tmp_path / "good" / "events.out.tfevents.1.torn").write_bytes(b"\x00no event file\xff" * 100)
    with tensorboard(tmp_path, site, *loader) as served:
        state = served.until(lambda state: len(state["runs"]) == 6)
        problems = {run["name"]: run["problem"] for run in state["runs"]}
        assert problems.pop("good") is None
        assert all(problems.values()), problems
        assert "newer version" in problems["later"]
        (one,) = state["maps"]
        code, found = served.get("map", map=one["key"])
        assert (code, len(found["coordinates"]) >= 8) == (200, True)
        assert "good" in found["runs"]
        for route in ("map", "samples", "pair", "picture"):
            code, answer = served.get(route, map="<x>", run="../..")
            assert (code, list(answer)) == (404, ["error"])


LATER = json.dumps({"format": 7, "kind": "amplitudes", "monitor": "infogeo"}).encode()
BROKEN = {
    "plugin.py": ("import missing_dependency", "No module named 'missing_dependency'"),
    "service.py": ("raise ImportError('numpy is broken')", "numpy is broken"),
    "source.py": ("def", "invalid syntax"),
    "state.py": ("def state(*args): raise ValueError('an <b>unforeseen</b> mistake')", "an <b>unforeseen</b> mistake"),
}


@pytest.mark.parametrize("file", BROKEN)
def test_whatever_of_it_is_broken_tensorboard_works_and_the_tab_says_why(tmp_path, site, file):
    code, words = BROKEN[file]
    package = broken_copy(tmp_path, file, code)
    write_run(tmp_path / "runs" / "a", trajectory(3))
    with tensorboard(tmp_path / "runs", installed(tmp_path / "site", package)) as served:
        assert served.fetch("")[0] == 200
        assert b'"infogeo"' in served.fetch("data/plugins_listing")[2]
        code, state = served.get("state")
        assert code == 200
        assert words in state["problem"]
        assert served.fetch("data/plugin/infogeo/index.js")[0] == 200


def test_a_package_whose_import_failed_would_be_noticed(tmp_path):
    """Negative control: then TensorBoard does end."""
    package = broken_copy(tmp_path, "__init__.py", "import missing_dependency")
    with (
        pytest.raises(RuntimeError, match="missing_dependency"),
        tensorboard(tmp_path, installed(tmp_path / "site", package)),
    ):
        pass


def broken_copy(folder, file, code):
    """Returns a folder with the package in which a file holds other code."""
    copy = folder / "copy" / "infogeo_tensorboard"
    shutil.copytree(ROOT / "infogeo_tensorboard", copy)
    (copy / file).write_text(code)
    return copy.parent


def test_tensorboard_starts_with_nothing_more_than_a_few_small_modules_and_torch_never_comes(tmp_path):
    write_run(tmp_path / "a", trajectory(3))
    code = f"""
import sys
import tensorboard.default, tensorboard.program, tensorboard.plugins.base_plugin as base
before = set(sys.modules)
from infogeo_tensorboard import InfogeoLoader
InfogeoLoader().load(base.TBContext())
print(sorted(set(sys.modules) - before))
from tests.tab.tab_app import TabApp
app = TabApp({str(tmp_path)!r})
app.ask("map", map=app.key())
print(sorted(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    at_start, in_the_end = (set(ast.literal_eval(line)) for line in done.stdout.splitlines())
    assert at_start == {f"infogeo_tensorboard{part}" for part in ("", ".named", ".plugin", ".problems", ".unavailable")}
    assert "infogeo_tensorboard.live_map" in in_the_end
    assert not in_the_end & {"torch", "lightning", "pytorch_lightning", "lightning_infogeo", "scipy"}
