"""The command that lists samples: the right ones, within a line, and as CSV; and what it says where it cannot."""

import csv
import re

import pytest

from lightning_infogeo.cli.errors import Exit
from tests.helpers.slow_answers import slow_distance, slow_lists, slow_summary
from tests.helpers.synthetic_archives import write
from tests.helpers.synthetic_runs import training

RUN = training(3, records=12, samples=30, classes=4, stride=10)
TRAIN = training(7, records=12, samples=30, classes=4, stride=10)
TITLES = {
    "Likely label errors": "ranked",
    "Forgotten": "forgotten",
    "Confidently wrong": "confidently_wrong",
    "Never learnt": "never_learnt",
    "Memorised late": "memorised_late",
}


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / "run.zarr", RUN, more={"train": TRAIN})


def tables(shown):
    """Returns the samples of each table, by its title up to a colon, comma, or bracket."""
    found, title = {}, None
    for line in shown.splitlines():
        if re.match(r"[A-Z]", line):
            title = re.split(r"[:,(]| since", line)[0].strip()
        elif line.startswith("│"):
            found.setdefault(title, []).append(int(line.split("│")[1]))
    return found


def probabilities(run, records=12):
    return run.amplitudes[:records].square().tolist()


@pytest.mark.parametrize(("step", "records"), [(None, 12), (52, 6)])
@pytest.mark.parametrize(("probe", "run"), [("val", RUN), ("train", TRAIN)])
def test_lists_are_as_defined(command, path, probe, run, step, records):
    arguments = [] if step is None else ["--step", step]
    code, shown, said = command("samples", path, "--probe", probe, "--top", 4, *arguments)
    assert code == 0
    p, found = probabilities(run, records), tables(shown)
    wanted = slow_lists(p, run.labels.tolist())
    for title, name in TITLES.items():
        if name == "memorised_late" and probe == "val":
            assert title not in found
        else:
            assert found.get(title, []) == wanted[name][:4], title
    moved = [slow_distance(a, b) for a, b in zip(p[-2], p[-1], strict=True)]
    assert found["Moved most"] == sorted(range(30), key=lambda n: -moved[n])[:4]
    assert f"Probe '{probe}' at step {10 * (records - 1)}, {records} records so far" in said
    assert ("--probe train" in said) == (probe == "val")
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_all_samples_are_written_one_a_row(command, path, tmp_path):
    code, _, said = command("samples", path, "--csv", tmp_path / "samples.csv")
    assert code == 0
    assert "30 samples" in said
    with (tmp_path / "samples.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = slow_summary(probabilities(RUN), RUN.labels.tolist())
    ranked = slow_lists(probabilities(RUN), RUN.labels.tolist())["ranked"]
    assert [int(row["sample"]) for row in rows] == list(range(30))
    for n, row in enumerate(rows):
        assert int(row["label"]) == RUN.labels[n]
        assert float(row["confidence"]) == pytest.approx(found[n]["confidence"], rel=1e-5)
        assert float(row["area under the margin [nats]"]) == pytest.approx(found[n]["area"], rel=1e-4, abs=1e-5)
        assert int(row["forgetting events"]) == found[n]["forgetting"]
        assert int(row["right"]) == found[n]["right"][-1]
        assert ranked[int(row["rank as a label error"]) - 1] == n
        since = found[n]["since"]
        assert row["right since step"] == ("" if since < 0 else str(10 * since))


def test_without_labels_it_lists_what_moved_and_says_why_no_more(command, tmp_path):
    path = write(tmp_path / "bare.zarr", RUN._replace(labels=None))
    code, shown, said = command("samples", path, "--csv", tmp_path / "samples.csv")
    assert code == 0
    assert list(tables(shown)) == ["Moved most"]
    assert "no labels" in said
    assert (tmp_path / "samples.csv").read_text().startswith("sample,predicted,p(predicted),moved [rad]")


def test_empty_lists_are_named_in_one_line(command, path):
    code, shown, _ = command("samples", path, "--step", 0)
    assert code == 0
    assert "No sample is in the list: forgotten." in shown
    assert "Moved most" not in tables(shown)


def test_records_that_were_not_finite_are_left_out_and_counted(command, tmp_path):
    path = write(tmp_path / "run.zarr", RUN, bad=(5,))
    code, shown, said = command("samples", path, "--top", 6)
    assert code == 0
    assert "1 record of 'run' left out" in said
    assert "at step 110, 11 records" in said
    finite = [p for k, p in enumerate(probabilities(RUN)) if k != 5]
    assert tables(shown)["Likely label errors"] == slow_lists(finite, RUN.labels.tolist())["ranked"][:6]


def test_several_runs_are_named_and_none_is_chosen(command, path, tmp_path):
    write(tmp_path / "other.zarr", TRAIN)
    code, shown, said = command("samples", tmp_path)
    assert (code, shown) == (Exit.USAGE, "")
    assert "holds 2 runs" in said
    assert "'other'" in said


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.zarr"], Exit.EMPTY, "there is nothing at 'none.zarr'"),
        (["run.zarr", "--probe", "odd"], Exit.MIXED, "choose with --probe"),
        (["run.zarr", "--top", "0"], Exit.USAGE, "--top: '0' is not a whole number from 1 on, such as 5"),
        (["run.zarr", "--csv", "no/where.csv"], Exit.USAGE, "--csv no/where.csv: cannot be written to"),
        ([], Exit.USAGE, "required: PATH"),
    ],
)
def test_what_cannot_be_done_is_one_line_on_standard_error(
    command, path, tmp_path, monkeypatch, arguments, code, message
):
    monkeypatch.chdir(tmp_path)
    found, shown, said = command("samples", *arguments)
    assert (found, shown) == (code, "")
    assert message in said
    assert len(said.splitlines()) == 1
    assert "--skip" not in said  # which this command does not have


def test_a_damaged_archive_is_named(command, path):
    chunk = path / "val" / "amplitudes" / "c" / "0" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:20])
    code, shown, said = command("samples", path)
    assert (code, shown) == (Exit.DAMAGED, "")
    assert "run 'run' is damaged" in said
