"""The map against the library's own InPCA, whole and while it grows."""

import threading
import time

import numpy as np
import pytest
import torch

from infogeo_tensorboard import landmarks, live_map
from lightning_infogeo import inpca, pairwise_bhattacharyya
from lightning_infogeo.geodesics import geodesic, ignorance, truth
from tests.tab.event_files import RunFiles, WrittenProbe, amplitudes_of, trajectory, write_run
from tests.tab.tab_app import TabApp

FLOOR = 1 / 1020


def on_sphere(recorded):
    a = torch.tensor(recorded, dtype=torch.float64)
    return a / a.norm(dim=-1, keepdim=True)


def up_to_signs(found, expected):
    found, expected = np.array(found), torch.as_tensor(expected).numpy()
    return np.abs(found * np.sign((found * expected).sum(0)) - expected).max()


def runs(folder, count, records=12, **of_trajectory):
    courses = [trajectory(records, seed, **of_trajectory) for seed in range(count)]
    for seed, course in enumerate(courses):
        write_run(folder / f"run_{seed}", course)
    return on_sphere(np.concatenate([amplitudes_of(course) for course in courses]))


def test_it_is_the_librarys_embedding_with_the_geodesic_placed_on_it(tmp_path):
    points = runs(tmp_path, 3)
    app = TabApp(tmp_path)
    found = app.ask("map", map=app.key())
    distances = pairwise_bhattacharyya(points, floor=FLOOR)
    expected = inpca(distances, 3)
    assert up_to_signs(found["coordinates"], expected.coordinates) < 1e-5
    assert np.allclose(found["eigenvalues"], expected.eigenvalues, rtol=1e-4, atol=1e-6)
    assert found["timelike"] == (expected.eigenvalues < 0).tolist()
    assert found["stress"] == pytest.approx(float(expected.explained_stress), abs=1e-5)
    labels = torch.arange(points.shape[1]) % points.shape[2]
    start = ignorance(points[0])
    way = geodesic(start, truth(labels, start), torch.linspace(0, 1, 11, dtype=torch.float64))
    placed = expected.transform(pairwise_bhattacharyya(way, points, floor=FLOOR))
    assert up_to_signs(found["path"], placed) < 1e-4
    assert found["ignorance"] == found["path"][0]
    assert found["path"][-1][0] > found["path"][0][0]
    assert found["landmarks"] is None
    assert found["samples_used"] == points.shape[1]
    assert found["member"] == [0] * 12 + [1] * 12 + [2] * 12
    assert found["steps"] == [*range(12)] * 3


def test_the_distance_to_truth_on_the_map_is_that_recorded_although_8_bits_hold_no_small_probability(tmp_path):
    """A sample that is wrong with certainty is written as 0, which must not be taken for e⁻²⁷ or less."""
    random = np.random.default_rng(0)
    course = np.full((3, 32, 10), 0.2 / 9)
    course[:, np.arange(32), np.arange(32) % 10] = 0.8
    course[2, 0] = 1e-6
    course[2, 0, 5] = 1 - 9e-6
    course *= np.exp(0.1 * random.standard_normal(course.shape))
    course /= course.sum(-1, keepdims=True)
    write_run(tmp_path / "a", course)
    app = TabApp(tmp_path)
    found = app.ask("map", map=app.key())
    points = on_sphere(amplitudes_of(course))
    labels = torch.arange(32) % 10
    end = truth(labels, ignorance(points[0]))[None]
    to_truth = pairwise_bhattacharyya(end, points, floor=FLOOR)
    assert np.allclose(to_truth[0], found["curves"]["distance_to_truth"], atol=0.01)
    naive = pairwise_bhattacharyya(end, points, floor=1e-12)
    assert abs(float(naive[0, 2]) - found["curves"]["distance_to_truth"][2]) > 0.5
    placed = inpca(pairwise_bhattacharyya(points, floor=FLOOR), 3).transform(to_truth)
    assert up_to_signs(found["path"][-1:], placed) < 1e-4


def test_curves_are_those_recorded_and_accuracy(tmp_path):
    course = trajectory(6)
    probe = WrittenProbe(quantities=("optimizer_step", "distance_to_truth", "velocity"))
    files = RunFiles(tmp_path / "a")
    for step, one in enumerate(course):
        files.record(10 * step, probe, one, x=step, velocity=np.nan if step == 0 else step / 7)
    files.close()
    write_run(tmp_path / "b", course[:2])
    app = TabApp(tmp_path)
    found = app.ask("map", map=app.key())
    assert found["curves"]["velocity"] == [None, *[float(f"{k / 7:.6g}") for k in range(1, 6)], None, None]
    assert found["steps"] == [0, 10, 20, 30, 40, 50, 0, 1]
    assert found["x"] == [0, 1, 2, 3, 4, 5, 0, 1]
    right = (course.argmax(-1) == probe.truth).mean(1)
    assert np.allclose(found["curves"]["accuracy"][:6], right, atol=1e-6)
    own = course[:, np.arange(probe.samples), probe.truth]
    assert np.allclose(found["curves"]["distance_to_truth"][:6], -np.log(own).mean(1) / 2, atol=1e-5)


def test_growing_record_by_record_it_is_the_same_as_at_once_and_no_axis_flips(tmp_path):
    course = trajectory(30, seed=5)
    files = RunFiles(tmp_path / "a")
    app, before = TabApp(tmp_path), None
    for step, one in enumerate(course):
        files.record(step, WrittenProbe(), one)
        files.flush()
        app.reload()
        found = app.ask("map", map=app.key())
        if before is not None and step > 3:
            overlap = (np.array(found["coordinates"])[:-1] * np.array(before)).sum(0)
            assert (overlap >= 0).all(), step
        before = found["coordinates"]
    fresh = TabApp(tmp_path)
    at_once = fresh.ask("map", map=fresh.key())
    assert up_to_signs(found["coordinates"], at_once["coordinates"]) < 1e-5
    files.close()


def test_only_new_records_are_compared_and_only_changed_runs_of_the_map_are_read(tmp_path, monkeypatch):
    computed = []
    update = live_map.DistanceTable.update
    monkeypatch.setattr(live_map.DistanceTable, "update", lambda *args: computed.append(update(*args)))
    runs(tmp_path, 2)
    write_run(tmp_path / "else", trajectory(4), WrittenProbe(fingerprint="other"))
    app = TabApp(tmp_path)
    key = next(one["key"] for one in app.ask("state")["maps"] if len(one["runs"]) == 2)
    app.read.clear()
    app.ask("map", map=key)
    assert {run for run, _ in app.read} == {"run_0", "run_1"}
    assert computed == [24 * 23 // 2]
    app.read.clear()
    app.ask("map", map=key)
    assert app.read == []
    write_run(tmp_path / "run_2", trajectory(3, seed=9))
    app.reload()
    app.ask("map", map=key)
    assert {run for run, _ in app.read} == {"run_2"}
    assert computed == [24 * 23 // 2, 3 * 24 + 3]


def test_beyond_a_number_landmarks_span_it_and_the_others_lie_where_they_belong(tmp_path, monkeypatch):
    points = runs(tmp_path, 4, records=20)
    whole = TabApp(tmp_path)
    exact = np.array(whole.ask("map", map=whole.key())["coordinates"])
    monkeypatch.setattr(landmarks, "ALL_SPAN", 60)
    monkeypatch.setattr(landmarks, "LANDMARKS", 40)
    app = TabApp(tmp_path)
    found = app.ask("map", map=app.key())
    assert found["landmarks"] == 40
    chosen = torch.arange(80)[::2]
    expected = inpca(pairwise_bhattacharyya(points[chosen], floor=FLOOR), 3)
    placed = expected.transform(pairwise_bhattacharyya(points, points[chosen], floor=FLOOR))
    assert up_to_signs(found["coordinates"], placed) < 1e-4
    assert up_to_signs(found["coordinates"], exact) < 0.15 * np.abs(exact).max()
    # One more run: the same landmarks and those of its own.
    write_run(tmp_path / "run_4", trajectory(5, seed=8))
    app.reload()
    assert app.ask("map", map=app.key())["landmarks"] == 40 // 2 + 2


def test_a_map_that_grows_past_that_number_keeps_its_place(tmp_path, monkeypatch):
    runs(tmp_path, 4)
    app = TabApp(tmp_path)
    before = np.array(app.ask("map", map=app.key())["coordinates"])
    write_run(tmp_path / "run_4", trajectory(12, seed=7))
    app.reload()
    whole = TabApp(tmp_path)
    exact = np.array(whole.ask("map", map=whole.key())["coordinates"])
    monkeypatch.setattr(landmarks, "ALL_SPAN", 50)
    monkeypatch.setattr(landmarks, "LANDMARKS", 30)
    after = app.ask("map", map=app.key())
    assert after["landmarks"] == 30
    assert ((np.array(after["coordinates"])[:48] * before).sum(0) > 0).all()
    assert up_to_signs(after["coordinates"], exact) < 0.15 * np.abs(exact).max()


def test_two_requests_do_not_compute_it_twice(tmp_path, monkeypatch):
    runs(tmp_path, 1)
    app, count = TabApp(tmp_path), []
    key = app.key()
    computed = live_map.LiveMap._computed

    def slowly(*args):
        count.append(1)
        time.sleep(0.3)
        return computed(*args)

    monkeypatch.setattr(live_map.LiveMap, "_computed", slowly)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(app.ask("map", map=key))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(count) == 1
    assert answers == [answers[0]] * 5


def test_without_labels_there_is_ignorance_alone(tmp_path):
    course = trajectory(8)
    write_run(tmp_path / "a", course, WrittenProbe(labels=None))
    app = TabApp(tmp_path)
    found = app.ask("map", map=app.key())
    assert found["path"] is None
    assert len(found["ignorance"]) == 3
    assert "accuracy" not in found["curves"]


@pytest.mark.parametrize("records", [1, 2, 3])
def test_few_records_have_fewer_axes(tmp_path, records):
    write_run(tmp_path / "a", trajectory(records))
    app = TabApp(tmp_path)
    found = app.ask("map", map=app.key())
    assert np.shape(found["coordinates"]) == (records, 3)
    assert np.count_nonzero(found["eigenvalues"]) == records - 1
    assert np.abs(found["path"]).max() < 10


def test_sketches_are_compared_as_they_are_and_their_geodesic_comes_from_the_file(tmp_path):
    random = np.random.default_rng(0)
    sketches = random.normal(0, 1, (9, 16, 24)).cumsum(0)
    sketches /= np.linalg.norm(sketches, axis=-1, keepdims=True)
    written = np.round(127 * sketches + 128).astype(np.uint8)
    extra = {"width": 24, "sketch": {"seed": 0}, "classes": 1000, "floor": 24**-0.5}
    probe = WrittenProbe(samples=16, classes=1000, labels=tuple(range(16)), extra=extra)
    files = RunFiles(tmp_path / "a")
    for step, one in enumerate(written[:7]):
        files.record(step, probe, np.full((16, 1000), 1e-3))
        files.part(probe, "amplitudes", one, step)
    app = TabApp(tmp_path)
    files.flush()
    app.reload()
    found = app.ask("map", map=app.key())
    assert found["path"] is None
    assert found["ignorance"] is None
    units = on_sphere(written[:7].astype(float) - 128)
    overlaps = torch.einsum("tnw,unw->tun", units, units).clamp_min(24**-0.5)
    distances = -overlaps.log().mean(-1)
    distances.fill_diagonal_(0)
    assert up_to_signs(found["coordinates"], inpca(distances, 3).coordinates) < 1e-4
    files.part(probe, "geodesic", written[6:], 7)
    files.record(7, probe, np.full((16, 1000), 1e-3))
    files.part(probe, "amplitudes", written[7], 7)
    files.close()
    app.reload()
    found = app.ask("map", map=app.key())
    assert len(found["path"]) == 3
    assert np.allclose(found["path"][1], found["coordinates"][-1], atol=1e-4)  # the same as the last record
