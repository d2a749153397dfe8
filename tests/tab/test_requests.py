"""Samples, cartographies, pairs and pictures against loops over what was written; requests that are bad."""

import io
import threading

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from infogeo_tensorboard.plugin import ROUTES
from lightning_infogeo import bhattacharyya
from lightning_infogeo.geodesics import geodesic
from tests.tab.event_files import RunFiles, WrittenProbe, amplitudes_of, trajectory, write_run
from tests.tab.tab_app import TabApp

RECORDS, SAMPLES, CLASSES = 15, 40, 5
PROBE = WrittenProbe(samples=SAMPLES, classes=CLASSES, trained=True)
FLOAT16 = 4e-3
"""Of a logarithm between 8 and 16, half the distance to the next float16."""
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 6, 9, 3), dtype=np.uint8)


def wandering(seed):
    """Returns predictions that learn, forget and are wrong, (T, N, C)."""
    random = np.random.default_rng(seed)
    pull = np.eye(CLASSES)[np.arange(SAMPLES) % CLASSES] * np.linspace(0, 2, RECORDS)[:, None, None]
    logits = 2 * random.standard_normal((1, SAMPLES, CLASSES)) + random.standard_normal((RECORDS, SAMPLES, CLASSES))
    exponentials = np.exp(logits + pull)
    return exponentials / exponentials.sum(-1, keepdims=True)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for seed, name in enumerate(("a", "b")):
        files = RunFiles(folder / name)
        for record, one in enumerate(wandering(seed)):
            # Progress rises and falls back once, and the second run starts later.
            progress = record / RECORDS + 0.1 * seed - 0.1 * (record == 7)
            files.record(10 * record, PROBE, one, progress=progress)
        files.pictures(PROBE, IMAGES, [0, 7, 9])
        files.close()
    return TabApp(folder)


def ask(app, route, **arguments):
    return app.ask(route, map=app.key(), **arguments)


def own(p):
    return p[:, np.arange(SAMPLES), PROBE.truth]


def right(p):
    return p.argmax(-1) == PROBE.truth


@pytest.mark.parametrize("step", [0, 10, 72, 140, 10**9, -5])
def test_lists_are_what_loops_over_all_samples_find(app, step):
    p, found = wandering(0), ask(app, "samples", run="a", step=step)
    at = min(range(RECORDS), key=lambda record: abs(10 * record - step))
    assert found["step"] == 10 * at
    assert found["before"] == (10 * at - 10 if at else None)
    assert found["steps"] == [10 * record for record in range(RECORDS)]
    chance, good = own(p), right(p)
    forgotten = [n for n in range(SAMPLES) if any(good[t, n] for t in range(at)) and not good[at, n]]
    wrong = [n for n in range(SAMPLES) if not good[at, n]]
    never = [n for n in wrong if not any(good[t, n] for t in range(at))]
    since = {n: max((t for t in range(at + 1) if not good[t, n]), default=-1) + 1 for n in range(SAMPLES)}
    late = [n for n in range(SAMPLES) if 0 < since[n] <= at]
    expected = {
        "forgotten": sorted(forgotten, key=lambda n: chance[at, n]),
        "confidently_wrong": sorted(wrong, key=lambda n: -p[at, n].max()),
        "never_learnt": sorted(never, key=lambda n: chance[: at + 1, n].mean()),
        "memorised_late": sorted(late, key=lambda n: (-since[n], chance[: at + 1, n].mean())),
    }
    whole = ask(app, "samples", run="a", step=step, top=100)
    for name, samples in expected.items():
        assert [item["sample"] for item in found["lists"][name]] == samples[:10], name
        assert sorted(item["sample"] for item in whole["lists"][name]) == sorted(samples), name
        assert found["totals"][name] == whole["totals"][name] == len(samples)
    for item in whole["lists"]["memorised_late"]:
        assert item["since"] == 10 * since[item["sample"]]
    for item in whole["lists"]["never_learnt"]:
        assert item["mean_p"] == pytest.approx(chance[: at + 1, item["sample"]].mean(), rel=FLOAT16)
    roots = amplitudes_of(p).astype(float)
    roots /= np.linalg.norm(roots, axis=-1, keepdims=True)
    if at:
        far = 2 * np.arccos(np.clip((roots[at] * roots[at - 1]).sum(-1), 0, 1))
        assert [item["sample"] for item in found["lists"]["moved"]] == np.argsort(-far)[:10].tolist()
        assert np.allclose([item["moved"] for item in found["lists"]["moved"]], np.sort(far)[::-1][:10], atol=1e-4)
    else:
        assert found["lists"]["moved"] == []
    for item in found["lists"]["confidently_wrong"]:
        n = item["sample"]
        assert item["label"] == n % CLASSES
        assert item["predicted"] == p[at, n].argmax()
        assert item["p"] == pytest.approx(chance[at, n], rel=FLOAT16)
        assert item["p_predicted"] == pytest.approx(p[at, n].max(), rel=FLOAT16)
        assert item["since"] is None
        assert np.allclose(item["course"], chance[:, n], rtol=FLOAT16, atol=1e-3)
        assert item["picture"] == (n in (0, 7, 9))


def test_a_cartography_is_that_of_all_records(app):
    p, found = wandering(1), ask(app, "cartography", run="b")
    chance, good = own(p), right(p)
    assert found["samples"] == list(range(SAMPLES))
    assert np.allclose(found["confidence"], chance.mean(0), rtol=2e-3)
    assert np.allclose(found["variability"], chance.std(0), atol=2e-3)
    assert np.allclose(found["correctness"], good.mean(0), atol=1e-5)
    forgets = [sum(good[t - 1, n] and not good[t, n] for t in range(1, RECORDS)) for n in range(SAMPLES)]
    assert found["forgetting"] == forgets
    others = np.array([[np.delete(p[t, n], n % CLASSES).max() for n in range(SAMPLES)] for t in range(RECORDS)])
    margin = np.log(chance / others).mean(0)
    assert np.allclose(found["area_under_margin"], margin, atol=5e-3)
    assert found["ranked"] == np.argsort(found["area_under_margin"], kind="stable").tolist()
    assert found["predicted"] == p[-1].argmax(-1).tolist()
    assert [n for n, shown in enumerate(found["picture"]) if shown] == [0, 7, 9]


def test_one_sample_has_its_course_and_all_probabilities(app):
    p, found = wandering(0), ask(app, "sample", run="a", sample=7)
    assert np.allclose(found["p"], own(p)[:, 7], rtol=2e-3)
    assert found["predicted"] == p[:, 7].argmax(-1).tolist()
    assert np.allclose(found["probabilities"], p[:, 7], atol=5e-3)
    assert found["label"] == 2


def test_two_runs_are_compared_at_equal_progress(app):
    found = ask(app, "pair", a="a", b="b")
    grid = np.array(found["progress"])
    assert grid[0] == pytest.approx(0.1)
    assert grid[-1] == pytest.approx((RECORDS - 1) / RECORDS)
    points = []
    for seed in range(2):
        recorded = torch.tensor(amplitudes_of(wandering(seed)), dtype=torch.float64)
        recorded /= recorded.norm(dim=-1, keepdim=True)
        values = [record / RECORDS + 0.1 * seed - 0.1 * (record == 7) for record in range(RECORDS)]
        reached = [max(values[: record + 1]) for record in range(RECORDS)]
        way = []
        for value in grid:
            after = next((t for t in range(RECORDS) if reached[t] > value + 1e-9), RECORDS - 1)
            before = max(after - 1, 0)
            gap = reached[after] - reached[before]
            way.append(
                geodesic(recorded[before], recorded[after], min(1, (value - reached[before]) / gap if gap else 1))
            )
        points.append(torch.stack(way))
    distances = bhattacharyya(points[0], points[1], "none").numpy()
    assert np.allclose(found["distance"], distances.mean(1), rtol=1e-3, atol=1e-5)
    of_class = {label: distances[-1][PROBE.truth == label].mean() for label in range(CLASSES)}
    assert [one["class"] for one in found["classes"]] == sorted(of_class, key=lambda label: -of_class[label])
    assert np.allclose([one["distance"] for one in found["classes"]], sorted(of_class.values())[::-1], rtol=1e-3)
    assert [item["sample"] for item in found["samples"]] == np.argsort(-distances[-1])[:10].tolist()
    assert all(set(item["other"]) == {"predicted", "p"} for item in found["samples"])
    assert [len(steps) for steps in found["steps"]] == [len(grid)] * 2
    assert found["total"] == SAMPLES
    assert [len(ask(app, "pair", a="a", b="b", top=top)["samples"]) for top in (1, 30, 100)] == [1, 30, SAMPLES]
    same = ask(app, "pair", a="a", b="a")
    assert np.abs(same["distance"]).max() < 1e-6


def test_a_picture_is_the_one_that_was_written(app):
    response = app.respond("picture", map=app.key(), run="a", sample=7)
    assert response.content_type == "image/png"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(response.data))), IMAGES[1])
    assert app.get("picture", map=app.key(), run="a", sample=8)[0] == 404


def test_grey_pictures_and_samples_by_their_index_in_the_probe(tmp_path):
    probe = WrittenProbe(samples=4, classes=4, extra={"of": 100, "indices": [3, 50, 51, 99]})
    files = RunFiles(tmp_path / "a")
    files.record(0, probe, trajectory(2, samples=4, classes=4)[1])
    files.pictures(probe, IMAGES[:2, :, :, :1], [1, 3])
    files.close()
    app = TabApp(tmp_path)
    assert ask(app, "cartography", run="a")["samples"] == [3, 50, 51, 99]
    shown = app.respond("picture", map=app.key(), run="a", sample=99)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(shown.data))), IMAGES[1, :, :, 0])
    assert app.get("sample", map=app.key(), run="a", sample=1)[0] == 404


def test_an_unlabelled_probe_has_what_moved_and_says_what_it_lacks(tmp_path):
    for name in "ab":
        write_run(tmp_path / name, wandering(0), WrittenProbe(samples=SAMPLES, classes=CLASSES, labels=None))
    app = TabApp(tmp_path)
    lists = ask(app, "samples", run="a", step=3)["lists"]
    assert len(lists.pop("moved")) == 10
    assert lists == {"forgotten": [], "confidently_wrong": [], "never_learnt": [], "memorised_late": None}
    code, answer = app.get("cartography", map=app.key(), run="a")
    assert (code, "labels" in answer["error"]) == (400, True)
    code, answer = app.get("pair", map=app.key(), a="a", b="b")
    assert (code, "progress" in answer["error"]) == (400, True)


def test_progress_that_is_undefined_is_called_so(tmp_path):
    files = RunFiles(tmp_path / "a")
    for record, one in enumerate(trajectory(4)):
        files.record(record, WrittenProbe(), one, progress=float("nan") if record < 3 else 0.5)
    files.close()
    app = TabApp(tmp_path)
    code, answer = app.get("pair", map=app.key(), a="a", b="a")
    assert (code, answer["error"]) == (400, "progress of a is undefined at 3 of its 4 records")


def test_runs_that_share_no_progress_are_told_so(tmp_path):
    for name, first in (("a", 0.0), ("b", 0.7)):
        files = RunFiles(tmp_path / name)
        for record, one in enumerate(trajectory(4)):
            files.record(record, WrittenProbe(), one, progress=first + record / 20)
        files.close()
    app = TabApp(tmp_path)
    code, answer = app.get("pair", map=app.key(), a="a", b="b")
    assert code == 400
    assert (
        answer["error"] == "there is no progress that both runs have seen: a from 0.000 to 0.150, b from 0.700 to 0.850"
    )


ODD = ["", "a", "b", "..", "../../etc/passwd", "a/../b", "<script>", "%00", "a\0b", "\u2028", "∞"]
WORDS = st.sampled_from(ODD) | st.text()
NUMBERS = st.sampled_from(["0", "-1", "1e3", "NaN", "9" * 19, "9" * 5000, "٣", " 1", "0x10", "--1"]) | WORDS


@given(
    st.sampled_from(ROUTES),
    st.dictionaries(st.sampled_from(["map", "run", "a", "b", "step", "sample", "top", "x"]), WORDS | NUMBERS),
    st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
def test_whatever_is_asked_is_answered_in_json_and_never_by_a_failure(app, route, arguments, with_map):
    if with_map:
        arguments = {**arguments, "map": app.key()}
    response = app.respond(route, **arguments)
    if response.content_type == "image/png":
        assert response.status_code == 200
        return
    code, answer = app.get(route, **arguments)
    assert code in (200, 400, 404), answer
    assert (code == 200) == ("error" not in answer)
    if code != 200:
        assert list(answer) == ["error"]
        assert len(answer["error"]) < 300
        assert "Traceback" not in answer["error"]


@pytest.mark.parametrize("top", ["0", "-1", "101", "1e1", "ten", "9" * 19])
def test_lists_longer_than_a_hundred_samples_are_refused(app, top):
    for route, runs in (("samples", {"run": "a", "step": 3}), ("pair", {"a": "a", "b": "b"})):
        code, answer = app.get(route, map=app.key(), top=top, **runs)
        assert (code, "top" in answer["error"]) == (400, True)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_only_get_is_answered(app, method):
    for route in ROUTES:
        response = app.respond(route, method=method)
        assert response.status_code == 400
        assert response.content_type == "application/json"


def test_bytes_that_are_no_text_and_names_given_twice_are_answered_too(app):
    for query in ("map=%ff%fe&run=%80", "map=a&map=b", "&&&=", "map", "step=%F0%9F", "map[]=1"):
        for route in ROUTES[1:]:
            assert app.respond(route, query=query).status_code in (400, 404)


@pytest.mark.parametrize(
    "path", ["../../../etc/passwd", "static/index.js", "index.js/..%2f..", "%2e%2e/state", "state/x"]
)
def test_there_is_nothing_beside_its_own_addresses(app, path):
    assert app.respond(path).status_code == 404


def test_an_unforeseen_failure_is_words_with_status_500(app, monkeypatch):
    monkeypatch.setattr("infogeo_tensorboard.service.Arguments.group", lambda self: 1 / 0)
    code, answer = app.get("map", map="x")
    assert code == 500
    assert answer == {"error": "ZeroDivisionError: division by zero"}


def test_many_threads_are_answered_while_runs_grow(tmp_path):
    probe, course = WrittenProbe(), trajectory(40)
    files = RunFiles(tmp_path / "a")
    files.record(0, probe, course[0])
    files.flush()
    app, failed, ended = TabApp(tmp_path), [], threading.Event()
    key = app.key()

    def go_on(seed):
        random = np.random.default_rng(seed)
        while not ended.is_set():
            code, answer = app.get(random.choice(["state", "map", "samples", "cartography"]), map=key, run="a", step=3)
            counts = {len(answer[name]) for name in ("coordinates", "steps", "member") if name in answer}
            if code != 200 or len(counts) > 1:
                failed.append((code, answer))

    threads = [threading.Thread(target=go_on, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for step in range(1, 40):
        files.record(step, probe, course[step])
        files.flush()
        app.reload()
    ended.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(app.ask("map", map=key)["coordinates"]) == 40
    files.close()
