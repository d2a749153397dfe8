"""The examples run as they are, in a short form, and show what they promise to show."""

import importlib
import json
import math
from pathlib import Path

import pytest
import torch

from tests.helpers.packed_numbers import numbers

ROOT = Path(__file__).parent.parent


@pytest.fixture
def example(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    return lambda name, *arguments: importlib.import_module(name).main(list(arguments))


def events(monitor, name, probe="val"):
    return [event for event in monitor.events if (event.name, event.probe) == (name, probe)]


def test_the_flag_stops_a_training_and_the_best_checkpoint_is_better_than_its_end(example, capsys):
    monitor = example("overfitting_flag")
    (flag,) = events(monitor, "overfitting")
    assert flag.step < flag.detected_at <= monitor.trajectories["val"].steps[-1] < 2000
    printed = " ".join(capsys.readouterr().out.split())
    assert "seen at step" in printed
    last, kept = printed.rpartition("validation loss: ")[2].split(" at the end, ")
    assert float(kept.split()[0]) < float(last)


def test_grokking_is_seen_as_memorisation_first_and_generalisation_later(example):
    monitor = example("grokking", "--fast")
    (memorised,), (returned,) = events(monitor, "memorisation"), events(monitor, "generalisation")
    (flag,) = events(monitor, "overfitting")
    assert flag.detected_at < memorised.detected_at < returned.detected_at
    held_out = monitor.trajectories["val"]
    turned = int((held_out.steps == returned.step).nonzero())
    assert held_out.distance_to_truth[turned] == held_out.distance_to_truth.max()


def test_finite_size_scaling_runs_from_trainings_to_a_figure(example, tmp_path, capsys):
    scaling = example("finite_size", "--fast")
    assert scaling.sizes.tolist() == [16, 24, 32]
    assert (tmp_path / "finite_size" / "digits_gaussian.png").stat().st_size > 10_000
    assert f"verdict: {scaling.verdict}" in " ".join(capsys.readouterr().out.split())


def test_linear_networks_do_what_the_theory_says_and_softmax_nearly(example, tmp_path, capsys):
    panels = example("linear_ribbon", "--fast")
    for case, spectra in panels.items():
        predicted, measured = next(iter(spectra.values())), spectra["measured"]
        near = 0.02 if "scale" in case else 0.06
        assert measured.explained_variance(3) == pytest.approx(predicted.explained_variance(3), abs=near)
        assert measured.explained_stress(2) == pytest.approx(predicted.explained_stress(2), abs=near)
        # The theory is of infinitely many runs: of three there are fewer dimensions.
        assert abs(measured.dimensions() - predicted.dimensions()) <= 1 or case.endswith(" runs")
    assert panels["digits, scale 0.01"]["measured"].dimensions() > 20
    assert panels["digits, scale 100"]["measured"].dimensions() < 5
    for picture in ("spectra.png", "phase_diagram.png"):
        assert (tmp_path / "linear_ribbon" / picture).stat().st_size > 10_000
    assert "hidden layer" in capsys.readouterr().out


def test_a_language_model_is_watched_token_by_token(example, capsys):
    monitor = example("language_model", "--fast")
    printed = capsys.readouterr().out
    assert "different characters" in printed
    trajectory = monitor.trajectories["val"]
    assert len(monitor.trajectories["val"].history.amplitudes[0]) == 1024
    assert trajectory.distance_to_truth[-1] < 0.75 * trajectory.distance_to_truth[0]
    assert trajectory.progress[-1] > trajectory.progress[0]


def test_neurons_start_as_one_from_near_zero_and_apart_from_usual_weights(example, tmp_path, capsys):
    found = example("topology_of_learning", "--fast", "--init", "near-zero", "usual")
    zero, usual = found["near-zero"], found["usual"]
    assert int(zero.capacities["layer 1"].clusters[0]) == 1
    assert zero.graphs["layer 1"].cycle_rank == 0
    assert len(usual.graphs["layer 1"].leaves) > 10 * len(zero.graphs["layer 1"].leaves)
    assert int(usual.capacities["layer 1"].clusters[0]) == 30
    printed = " ".join(capsys.readouterr().out.split())
    assert "near-zero: exact trees (one component, no cycle) in" in printed
    for name in ("graph", "paths", "norms", "capacity", "sheets"):
        assert (tmp_path / "topology_of_learning" / f"topology_{name}_usual.png").stat().st_size > 10_000


def test_networks_on_one_map(example, tmp_path, capsys):
    found = example("one_manifold", "--fast")
    assert {probe: len(comparison.names) for probe, comparison in found.items()} == {"train": 8, "val": 8}
    assert found["train"].embedding.stress(3) > 0.7
    again = example("one_manifold", "--fast")  # from the archives
    assert torch.equal(found["val"].distances, again["val"].distances)
    printed = " ".join(capsys.readouterr().out.split())
    assert "larger networks come along faster" in printed
    assert (tmp_path / "one_manifold" / "val_map.png").stat().st_size > 10_000


def test_recorded_runs_are_compared_and_reported_from_the_command_line(example, tmp_path, capsys):
    from lightning_infogeo import Trajectory
    from lightning_infogeo.cli import main

    paths = example("recorded_runs", "--fast")
    capsys.readouterr()
    main(["compare", "runs", "--group-by", "model", "--out", "out"])
    shown = capsys.readouterr().out
    assert all(path.stem in shown for path in paths)
    assert "What sets them apart" in shown
    assert "│ model " in shown
    main(["report", "runs"])
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    data = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    assert data["runs"] == ["linear_sgd_0", "linear_sgd_1", "narrow_sgd_0", "narrow_sgd_1"]
    lengths = next(one for one in data["series"] if one["name"] == "train")["curves"][0]["values"]["length"]
    opened = Trajectory.open(paths[0], "train")
    assert numbers(lengths).tolist() == opened.length.float().tolist()
    assert {one["name"] for one in data["series"]} > {"val", "train", "parameters/network"}


def test_curves_are_made_for_reading(example, tmp_path, capsys):
    monitors = example("read_your_curves", "--fast")
    for name in monitors:
        assert (tmp_path / "read_your_curves" / f"curves_{name}.png").stat().st_size > 5_000
    printed = capsys.readouterr().out
    assert all(name.replace("_", " ") in printed for name in monitors)
    assert len(monitors) == 6


def test_a_run_that_collapses_ends_as_ignorant_as_it_began(example):
    """docs/curves.md: undecided between ten classes, half of ln 10 from the truth, no progress; and it is flagged."""
    monitor = example("read_your_curves", "--only", "collapsed")["collapsed"]
    val = monitor.trajectories["val"]
    assert float(val.distance_to_truth.min()) < 0.5
    assert float(val.distance_to_truth[-1]) == pytest.approx(math.log(10) / 2, abs=0.05)
    assert float(val.entropy[-1]) == pytest.approx(math.log(10), abs=0.1)
    assert float(val.progress[-1]) < 0.01
    assert monitor.verdicts["val"].answer == "flagged"
