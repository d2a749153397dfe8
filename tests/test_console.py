"""Lines of the monitor's own on the console."""

import io
import logging
import sys

import pytest
import rich
from lightning_utilities.core.rank_zero import rank_zero_only
from rich.live import Live

from lightning_infogeo.console import say
from tests.helpers.lightning_log import lightnings_log_is_put_back

LINK = "http://localhost:6006/?" + "pinned=" * 60


@pytest.fixture
def terminal():
    """The console that Lightning's RichProgressBar draws on, 80 wide."""
    before = dict(vars(rich.get_console()))
    shown = io.StringIO()
    rich.reconfigure(file=shown, force_terminal=True, width=80, legacy_windows=False)
    yield shown
    vars(rich.get_console()).update(before)


def test_a_link_stays_whole_while_a_bar_of_rich_is_drawn(terminal, lines_are_written):
    with Live("a bar", console=rich.get_console(), auto_refresh=False):
        say(f"watch: {LINK}")
        print(f"as others print it: {LINK}", file=sys.stderr)
    assert f"[infogeo] watch: {LINK}\n" in terminal.getvalue()
    assert f"as others print it: {LINK}\n" not in terminal.getvalue()  # broken, so that nobody can open it


def test_without_one_it_goes_to_the_current_stderr(capsys, lines_are_written):
    say(LINK)
    assert capsys.readouterr().err == f"[infogeo] {LINK}\n"


@pytest.mark.parametrize("silenced", ["level", "rank"])
def test_a_test_that_silences_lightning_does_so_for_itself(silenced, capsys, lines_are_written):
    with lightnings_log_is_put_back():
        if silenced == "level":
            logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        else:
            rank_zero_only.rank = 1
        say("not to be seen")
    say("to be seen")
    assert capsys.readouterr().err == "[infogeo] to be seen\n"
