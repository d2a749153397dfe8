"""docs/start.md shows what its command prints, and code of other pages has no argument that is not there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import lightning.pytorch as pl
import pytest

import lightning_infogeo
from lightning_infogeo.loggers import summary
from tests.helpers.documents import blocks, wrong_arguments

ROOT = Path(__file__).parents[2]
START = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def words(text):
    """Returns a text without what another machine may print otherwise: numbers, borders, and where lines break."""
    return " ".join(re.sub(r"[\d.,]+", "#", re.sub(r"[│┃┏┓┗┛┡┩└┘━─┬┴┳┻╇┼╋├┤]", " ", text)).split())


def test_the_outputs_shown_are_those_of_the_command(tmp_path):
    """In a process of its own: where pytest has taken over logging, lines look otherwise."""
    command = [sys.executable, str(ROOT / "examples" / "overfitting_flag.py")]
    # As in an activated environment: elsewhere the whole path of TensorBoard is told.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=600, check=True)
    printed = words(done.stdout), words(done.stderr)
    shown = [line for block in re.findall(r"```text\n(.*?)```", START, re.DOTALL) for line in block.split("\n")]
    told = [words(line) for line in shown if words(line)]
    assert len(told) > 10
    for line in told:
        assert any(line in each for each in printed), line


def test_another_output_would_be_seen():
    assert words("│ val │ 62 │\nstopped at step 1,213") == words("┃ val ┃ 7\n stopped at   step 9")
    assert words("stopped at step 3") not in words("it ended at step 3")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_gives_arguments_that_there_are(page):
    known = {
        **{name: getattr(lightning_infogeo, name) for name in lightning_infogeo.__all__},
        **{name: getattr(pl.callbacks, name) for name in ("ModelCheckpoint", "EarlyStopping")},
        "Trainer": pl.Trainer,
    }
    for block in blocks(page.read_text(encoding="utf-8")):
        assert wrong_arguments(block.code, known) == [], block.line


def test_the_verdicts_of_the_decision_list_are_those_of_the_summary():
    page = (ROOT / "docs" / "flag_decisions.md").read_text(encoding="utf-8")
    source = Path(summary.__file__).read_text(encoding="utf-8")
    for verdict in ("undecidable: too few records", "clean: at its closest"):
        assert f"`{verdict}`" in page
        assert f'"{verdict}"' in source
    assert "`undecidable: a rise below … would not be seen; needs … samples`" in page
    assert (
        "undecidable: a rise below {verdict.resolution:.0%} would not be seen; needs {verdict.samples} samples"
        in source
    )
