"""What a console cannot show and who stops to read cost a command neither its files nor its exit code."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lightning_infogeo.cli.compare as compare_module
from lightning_infogeo.cli import main
from lightning_infogeo.cli.errors import Exit
from lightning_infogeo.cli.output_files import FILES
from tests.helpers.synthetic_archives import write
from tests.helpers.synthetic_runs import training

ROOT = Path(__file__).parents[2]
ENCODINGS = ["ascii", "latin-1", "cp932", "cp1252", "utf-8"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("runs")
    for k, name in enumerate(("[bold]a[/bold]", "ré–sumé", ":fire:", "$x$_\udcff")):
        write(where / name / "infogeo.zarr", training(k, records=5, samples=10, way=k % 2))
    return where


@pytest.fixture
def console(monkeypatch):
    """Runs a command on a console of an encoding and returns (exit code, standard output, standard error)."""

    def run(encoding, *arguments):
        streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
        monkeypatch.setattr(sys, "stdout", streams[0])
        monkeypatch.setattr(sys, "stderr", streams[1])
        code = exit_code(*arguments)
        assert [sys.stdout, sys.stderr] == streams
        for stream in streams:
            stream.flush()
        return code, *(stream.buffer.getvalue().decode(encoding) for stream in streams)

    return run


def exit_code(*arguments):
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as stopped:
        return stopped.code
    return 0


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_comparison_is_shown_and_written_whatever_the_console_can_show(console, folder, tmp_path, encoding):
    code, text, said = console(encoding, "compare", folder, "--out", tmp_path / "–日本")
    assert code == 0
    assert all((tmp_path / "–日本" / name).stat().st_size for name in FILES)
    assert "What the runs have in common" in text
    assert "[bold]a[/bold]" in text
    assert ":fire:" in text
    for name in ("ré–sumé", "$x$_�"):
        assert name.encode(encoding, "replace").decode(encoding) in text
    assert "Written to" in said


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_page_is_written_and_a_failure_told_whatever_the_console_can_show(console, folder, tmp_path, encoding):
    code, _, said = console(encoding, "report", folder, "-o", tmp_path / "–日本.html")
    assert code == 0
    assert "ré–sumé" in (tmp_path / "–日本.html").read_text(encoding="utf-8")
    assert ".html" in said
    code, _, said = console(encoding, "compare", tmp_path / ":fire:[/]–日本")
    assert code == Exit.EMPTY
    assert ":fire:[/]" in said
    assert console(encoding, "compare", "--help")[0] == 0


@pytest.fixture
def unread():
    """A stream into a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w", encoding="utf-8")
    yield stream
    with contextlib.suppress(BrokenPipeError):
        stream.close()


@pytest.mark.parametrize("name", ["stdout", "stderr"])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["compare", "--out", "out"], 0),
        (["report", "-o", "page.html"], 0),
        (["compare", "--landmarks", "1"], Exit.USAGE),
        (["--help"], 0),
    ],
)
def test_a_reader_that_stops_costs_nothing_but_the_output(folder, tmp_path, monkeypatch, unread, name, arguments, code):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, name, unread)
    paths = [] if arguments == ["--help"] else [folder]
    assert exit_code(*arguments, *paths) == code
    unread.flush()  # as the interpreter does at its end
    for file in {"out": [f"out/{file}" for file in FILES], "page.html": ["page.html"]}.get(arguments[-1], []):
        assert (tmp_path / file).stat().st_size


def test_without_care_such_a_stream_raises(unread):
    print("lost", file=unread)
    with pytest.raises(BrokenPipeError):
        unread.flush()


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_without_any_console_commands_work(folder, tmp_path, monkeypatch, name):
    monkeypatch.setattr(sys, name, None)
    assert exit_code("compare", folder, "--out", tmp_path / "out") == 0
    assert (tmp_path / "out" / "runs.csv").stat().st_size


def test_a_command_whose_reader_stops_ends_quietly(folder, tmp_path):
    command = [sys.executable, "-m", "lightning_infogeo.cli", "compare", folder, "--out", tmp_path / "out"]
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=writing, stderr=subprocess.PIPE, timeout=150)
    os.close(writing)
    assert done.returncode == 0
    said = done.stderr.decode("ascii")
    assert "Traceback" not in said
    assert "BrokenPipe" not in said
    assert "Written to" in said
    assert all((tmp_path / "out" / file).stat().st_size for file in FILES)


def test_a_comparison_that_cannot_be_written_is_shown_all_the_same(folder, tmp_path, monkeypatch, capsys):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compare_module, "write", full)
    assert exit_code("compare", folder, "--out", tmp_path / "out") == Exit.USAGE
    shown = capsys.readouterr()
    assert "What the runs have in common" in shown.out
    assert "cannot be written to" in shown.err
    assert "Written to" not in shown.err
