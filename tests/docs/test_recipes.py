"""The code of docs/recipes runs as it is, a page from top to bottom; what cannot run here says so on its page."""

import os
from pathlib import Path

import pytest

from lightning_infogeo.cli import main
from tests.helpers.documents import blocks, commands, importable, wrong_arguments

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "docs" / "recipes").glob("*.md"))
TOGETHER = {"curves.md"}
"""Further pages of which every block runs."""


def run(page, tmp_path, monkeypatch):
    """Runs the blocks of a page in one namespace; returns those of which something is missing here."""
    monkeypatch.chdir(tmp_path)
    namespace, left = {"__name__": "recipe"}, []
    for block in blocks(page.read_text(encoding="utf-8")):
        padded = "\n" * (block.line - 1) + block.code  # so that a traceback names lines of the page
        code = compile(padded, str(page), "exec")
        assert wrong_arguments(block.code, namespace) == [], (page.name, block.line)
        if block.missing():
            left.append(block)
            namespace.update(importable(block.code))
        else:
            exec(code, namespace)
    return left


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", RECIPES, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    text = page.read_text(encoding="utf-8")
    left = run(page, tmp_path, monkeypatch)
    assert all(block.needs for block in left)
    for command in commands(text):
        main(command[1:])
    if page.stem != "index":
        assert len(blocks(text)) > len(left) or page.stem == "several_gpus"


@pytest.mark.parametrize("name", sorted(TOGETHER))
def test_the_code_of_other_pages_runs_and_prints_what_they_show(name, tmp_path, monkeypatch, capsys):
    page = ROOT / "docs" / name
    assert run(page, tmp_path, monkeypatch) == []
    printed = capsys.readouterr().out.split("\n")
    assert printed
    assert all(line in page.read_text(encoding="utf-8").split("\n") for line in printed if line)


def test_what_a_block_needs_is_read_off_its_page():
    text = "a\n<!-- needs: no_such_package, 2 devices -->\n```python\nf(x)\n```\n```python\ng()\n```\n```\nmake\n```\n"
    first, second = blocks(text)
    assert first.needs == ("no_such_package", "2 devices") == tuple(first.missing())
    assert (second.code, second.needs, second.missing()) == ("g()\n", (), [])
    assert first.line == 4
    assert commands("```\nlightning-infogeo report runs   # one page\npip install x\n```\n") == [
        ["lightning-infogeo", "report", "runs"]
    ]


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("from lightning_infogeo import InfoGeometryMonitor\nInfoGeometryMonitor(probe_sizes=3)", ["probe_sizes"]),
        ("import lightning.pytorch as pl\npl.Trainer(max_steps=3, stride=1)", ["stride"]),
        ("from no_such_package import f\nf(anything=1)", []),
        ("given(b=1)", ["b"]),
    ],
)
def test_an_argument_that_is_not_there_would_be_seen(code, wrong):
    assert wrong_arguments(code, {"given": lambda a: os}) == wrong
