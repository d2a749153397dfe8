"""Exit codes and messages for what is missing, empty, mixed or damaged."""

import subprocess
import sys
from pathlib import Path

import pytest
import zarr

from lightning_infogeo.archive import ArchiveWriter, Folder
from lightning_infogeo.cli.errors import Exit
from tests.helpers.synthetic_archives import write
from tests.helpers.synthetic_runs import training

COMMANDS = pytest.mark.parametrize("name", ["compare", "report"])


def run(seed=1, **options):
    return training(seed, **{"records": 4, "samples": 10, **options})


def damaged(path):
    """An archive one of whose chunks of predictions is cut off."""
    write(path, run())
    chunk = path / "val" / "amplitudes" / "c" / "0" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:20])
    return path


def broken(path):
    """An archive whose description is cut off."""
    write(path, run())
    document = path / "zarr.json"
    document.write_text(document.read_text()[:100])
    return path


@pytest.fixture(autouse=True)
def _here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@COMMANDS
def test_nothing_there(command, name, tmp_path):
    code, shown, said = command(name, tmp_path / "none")
    assert (code, shown) == (Exit.EMPTY, "")
    assert f"there is nothing at '{tmp_path / 'none'}'" in said
    (tmp_path / "empty").mkdir()
    code, _, said = command(name, tmp_path / "empty")
    assert code == Exit.EMPTY
    assert 'InfoGeometryMonitor(archive="auto")' in said
    assert command(name, tmp_path / "no*where")[0] == Exit.EMPTY


@COMMANDS
def test_zarr_groups_of_others_are_no_archives_but_said_to_be_none_where_they_are_asked_for(command, name, tmp_path):
    zarr.open_group(tmp_path / "other" / "data.zarr", mode="w")
    assert command(name, tmp_path / "other")[0] == Exit.EMPTY
    code, _, said = command(name, tmp_path / "other" / "data.zarr")
    assert code == Exit.DAMAGED
    assert "this package did not write" in said


@COMMANDS
def test_a_run_without_records(command, name, tmp_path):
    ArchiveWriter(Folder(tmp_path / "bare.zarr"), {}).close()
    code, _, said = command(name, tmp_path / "bare.zarr")
    assert code == Exit.MIXED
    assert "it has none" in said
    write(tmp_path / "nan.zarr", run(), bad=range(4))
    code, _, said = command(name, tmp_path / "nan.zarr")
    assert code == Exit.EMPTY
    assert "no record with finite logits" in said
    one = run()
    write(tmp_path / "zero.zarr", one._replace(steps=one.steps[:0], amplitudes=one.amplitudes[:0]))
    code, _, said = command(name, tmp_path / "zero.zarr")
    assert code == Exit.EMPTY
    assert "run 'zero'" in said
    assert "no records yet" in said


@COMMANDS
@pytest.mark.parametrize("make", [damaged, broken])
def test_damaged_archives_are_named_and_can_be_left_out(command, name, make, tmp_path):
    make(tmp_path / "runs" / "bad.zarr")
    write(tmp_path / "runs" / "good.zarr", run(2))
    code, shown, said = command(name, tmp_path / "runs")
    assert (code, shown) == (Exit.DAMAGED, "")
    assert "bad" in said
    assert "--skip" in said
    code, _, said = command(name, tmp_path / "runs", "--skip")
    assert code == 0
    if name == "compare":
        assert "Left out: run 'bad' is damaged" in said
    else:
        assert "Left out: run &#x27;bad&#x27; is damaged" in (tmp_path / "report.html").read_text()
    make(tmp_path / "runs" / "alone.zarr")
    code, _, said = command(name, tmp_path / "runs" / "alone.zarr", "--skip")
    assert code == Exit.EMPTY
    assert "no run is left" in said


def test_a_page_needs_the_other_trajectories_too(command, tmp_path):
    for name in "ab":
        write(tmp_path / f"{name}.zarr", run(), more={"train": run()})
    chunk = tmp_path / "a.zarr" / "train" / "quantities" / "c" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:20])
    assert command("compare", tmp_path)[0] == 0
    code, _, said = command("report", tmp_path)
    assert code == Exit.DAMAGED
    assert "train/quantities is damaged" in said
    assert command("report", tmp_path, "--skip")[0] == 0


def test_text_that_no_encoding_has_is_replaced(command, tmp_path):
    odd = run(note="\ud800 half")._replace(name="odd")
    write(tmp_path / "odd.zarr", odd, events=[{"name": "\ud800", "probe": "val", "step": 1, "message": "\udfff"}])
    assert command("compare", tmp_path, "--out", tmp_path / "out")[0] == 0
    assert "? half" in (tmp_path / "out" / "comparison.json").read_text(encoding="utf-8")
    assert command("report", tmp_path)[0] == 0
    assert "? half" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_folder_that_should_be_an_archive_is_damaged(command, tmp_path):
    (tmp_path / "runs" / "lost.zarr").mkdir(parents=True)
    code, _, said = command("compare", tmp_path / "runs")
    assert code == Exit.DAMAGED
    assert "no zarr.json" in said


@COMMANDS
def test_other_probes_are_named_with_remedies(command, name, tmp_path):
    for letter in "ab":
        write(tmp_path / f"{letter}.zarr", run(), fingerprint="one", more={"train": run()})
    write(tmp_path / "c.zarr", run(), fingerprint="two", more={"train": run()})
    code, _, said = command(name, tmp_path)
    assert code == Exit.MIXED
    assert "'a', 'b' (one); 'c' (two)" in said
    assert "--same-probe" in said
    assert "--probe train" in said
    assert command(name, tmp_path, "--same-probe")[0] == 0


@COMMANDS
def test_other_shapes_and_labels_are_named(command, name, tmp_path):
    write(tmp_path / "a.zarr", run())
    write(tmp_path / "b.zarr", run(samples=12))
    code, _, said = command(name, tmp_path, "--same-probe")
    assert code == Exit.MIXED
    assert "'a' ((10, 5)); 'b' ((12, 5))" in said
    write(tmp_path / "c.zarr", run()._replace(labels=None))
    code, _, said = command(name, tmp_path / "a.zarr", tmp_path / "c.zarr")
    assert code == Exit.MIXED
    assert "different labels: 'a'; 'c'" in said


@COMMANDS
def test_a_probe_that_is_not_there(command, name, tmp_path):
    write(tmp_path / "a.zarr", run(), probe="held", more={"train": run()})
    code, _, said = command(name, tmp_path)
    assert code == Exit.MIXED
    assert "'val'" in said
    assert "'held', 'train'" in said
    assert command(name, tmp_path, "--probe", "held")[0] == 0


def test_runs_without_labels_are_reported_but_not_compared(command, tmp_path):
    write(tmp_path / "a.zarr", run()._replace(labels=None))
    code, _, said = command("compare", tmp_path)
    assert code == Exit.MIXED
    assert "no labels" in said
    assert command("report", tmp_path)[0] == 0


@COMMANDS
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--landmarks", "1"], "--landmarks 1"),
        (["--landmarks", "-3"], "landmarks"),
        (["--group-by", "colour"], "--group-by colour: no run has this key in its metadata; there are: seed, way."),
        (["--device", "abacus"], "--device abacus"),
        (["--fast"], "--fast"),
    ],
)
def test_impossible_options(command, name, options, message, tmp_path):
    write(tmp_path / "a.zarr", run())
    code, _, said = command(name, tmp_path, *options)
    assert code == Exit.USAGE
    assert message in said


def test_places_that_cannot_be_written_to_are_said_before_any_work(command, tmp_path):
    write(tmp_path / "a.zarr", run())
    (tmp_path / "file").touch()
    code, _, said = command("compare", tmp_path, "--out", tmp_path / "file" / "out")
    assert code == Exit.USAGE
    assert "--out" in said
    for output in (tmp_path, tmp_path / "none" / "report.html"):
        code, _, said = command("report", tmp_path / "a.zarr", "-o", output)
        assert code == Exit.USAGE
        assert "--output" in said


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("compare", "zarr", "archive"),
        ("compare", "scipy.cluster.hierarchy", "analysis"),
        ("report", "plotly.offline", "report"),
    ],
)
def test_a_missing_extra_names_its_install_command(command, name, module, extra, monkeypatch, tmp_path):
    write(tmp_path / "a.zarr", run())
    monkeypatch.setitem(sys.modules, module, None)
    code, _, said = command(name, tmp_path)
    assert code == Exit.MISSING
    assert f"pip install 'lightning-infogeo[{extra}]'" in said


def test_help_and_version(command):
    for arguments, parts in [
        (["--help"], ["compare", "report", "demo", "exit codes", "5  runs that cannot be compared"]),
        (["compare", "--help"], ["PATH", "--group-by", "--skip", "pieces", "torchrun", "4  a damaged archive"]),
        (["report", "--help"], ["-o FILE", "without a network", "3  nothing found"]),
        (["--version"], ["lightning-infogeo "]),
    ]:
        code, shown, _ = command(*arguments)
        assert code == 0
        assert all(part in shown for part in parts), arguments
    bare = [sys.executable, "-m", "lightning_infogeo.cli", "compare"]
    done = subprocess.run(bare, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == Exit.USAGE
    assert "PATH" in done.stderr or "paths" in done.stderr
