"""What the page is given of samples: those of the archive, bounded, label errors always among them."""

import base64
from pathlib import Path

import numpy as np
import pytest

from lightning_infogeo.archive import Archive
from lightning_infogeo.html_report import sample_payload
from lightning_infogeo.html_report.sample_payload import samples_of
from tests.helpers.slow_answers import slow_lists, slow_summary
from tests.helpers.synthetic_archives import write
from tests.helpers.synthetic_runs import training


def numbers(packed):
    ((kind, text),) = packed.items()
    return np.frombuffer(base64.b64decode(text), dtype=f"<{kind}")


@pytest.fixture(scope="module")
def run():
    return training(3, records=12, samples=30, classes=4)


@pytest.fixture
def archive(run, tmp_path):
    return Archive(write(tmp_path / "run.zarr", run, more={"train": training(4, records=12, samples=30, classes=4)}))


def test_they_are_those_of_the_archive_the_probe_trained_on_first(run, archive):
    drawn = samples_of([("run", archive)])
    assert [(one["probe"], one["run"], one["of"]) for one in drawn["shown"]] == [("train", 0, 30), ("val", 0, 30)]
    assert (drawn["left_out"], drawn["beyond"]) == ([], 0)
    val = drawn["shown"][1]
    which, p = numbers(val["sample"]), run.amplitudes.square().tolist()
    found = slow_summary(p, run.labels.tolist())
    assert which.tolist() == slow_lists(p, run.labels.tolist())["ranked"]
    for name, own in (("confidence", "confidence"), ("variability", "variability"), ("area", "area")):
        np.testing.assert_allclose(numbers(val[name]), [found[n][own] for n in which], rtol=1e-4, atol=1e-6)
    assert numbers(val["forgetting"]).tolist() == [found[n]["forgetting"] for n in which]
    assert numbers(val["learnt"]).tolist() == [int(any(found[n]["right"])) for n in which]
    assert numbers(val["label"]).tolist() == [int(run.labels[n]) for n in which]


def test_of_many_samples_the_likeliest_label_errors_are_drawn_and_others_evenly(run, archive, monkeypatch):
    monkeypatch.setattr(sample_payload, "SAMPLES", 12)
    monkeypatch.setattr(sample_payload, "RANKED", 5)
    ranked = slow_lists(run.amplitudes.square().tolist(), run.labels.tolist())["ranked"]
    which = numbers(samples_of([("run", archive)])["shown"][1]["sample"]).tolist()
    assert len(which) == len(set(which)) == 12
    assert which[:5] == ranked[:5]
    assert which[-1] == ranked[-1]


def test_many_runs_share_the_room_and_those_beyond_are_counted(archive, monkeypatch):
    monkeypatch.setattr(sample_payload, "RUNS", 3)
    monkeypatch.setattr(sample_payload, "POINTS", 60)
    drawn = samples_of([(str(k), archive) for k in range(5)])
    assert [one["run"] for one in drawn["shown"]] == [0, 1, 2, 0, 1, 2]
    assert drawn["beyond"] == 2
    assert sum(len(numbers(one["sample"])) for one in drawn["shown"]) == 60


def test_without_labels_or_finite_records_there_is_nothing(run, tmp_path):
    bare = Archive(write(tmp_path / "bare.zarr", run._replace(labels=None)))
    bad = Archive(write(tmp_path / "bad.zarr", run, bad=range(12)))
    assert samples_of([("bare", bare), ("bad", bad)])["shown"] == []


def test_a_damaged_probe_is_named_and_the_others_are_drawn(archive):
    chunk = next(p for p in (Path(archive.path) / "train" / "amplitudes").rglob("*") if p.name == "0" and p.is_file())
    chunk.write_bytes(chunk.read_bytes()[:20])
    drawn = samples_of([("run", Archive(archive.path))])
    assert [one["probe"] for one in drawn["shown"]] == ["val"]
    assert drawn["left_out"] == ["train of run"]
