"""Progress bars: on a terminal alone, full at their end, and nothing of them left behind."""

import io
import re

import pytest
from rich.console import Console

import lightning_infogeo.cli.progress as module


@pytest.fixture
def terminal(monkeypatch):
    """Has the bars drawn into a terminal of 80 cells; returns its stream."""
    stream = io.StringIO()

    def console(**options):
        return Console(file=stream, force_terminal=True, width=80, _environ={"TERM": "xterm"})

    monkeypatch.setattr(module, "Console", console)
    return stream


def drawn(stream):
    return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", stream.getvalue()).replace("\r", "\n").splitlines()


@pytest.mark.parametrize("stage", [*module._STAGES, "another"])
def test_a_bar_fits_the_line_and_ends_full_even_where_a_stage_ends_early(terminal, stage):
    with module.progress_bars(True) as watch:
        watch("first of all", 1, 5)
        watch(stage, 3, 10**6)
    name = module._STAGES.get(stage, stage)
    bars = [line for line in drawn(terminal) if line.startswith(name)]
    assert max(map(len, drawn(terminal))) <= 80
    assert "100%" in bars[-1]
    assert "100%" in [line for line in drawn(terminal) if line.startswith("first of all")][-1]


def test_nothing_is_left_of_them(terminal):
    with module.progress_bars(True) as watch:
        watch("tiles", 1, 2)
        watch("landmarks", 2, 2)
    # The cursor is back on the first line of them, which is empty.
    assert terminal.getvalue().endswith("\x1b[1A\x1b[2K")


def test_what_is_interrupted_is_not_said_to_be_done(terminal):
    def interrupted():
        with module.progress_bars(True) as watch:
            watch("tiles", 1, 2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert "100%" not in terminal.getvalue()


def test_a_file_gets_none_of_it(capsys):
    with module.progress_bars(True) as watch:
        watch("tiles", 1, 2)
    with module.progress_bars(False) as watch:
        assert watch is None
    assert capsys.readouterr() == ("", "")
