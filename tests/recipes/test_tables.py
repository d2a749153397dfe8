"""CONTRIBUTING.md and docs/architecture.md name what is there: files, commands, rooms and tests."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
RECIPES = dict(re.findall(r"### An? (.*?)\n(.*?)(?=\n### |\Z)", GUIDE, re.DOTALL))


def files(recipe):
    """Returns the files of a recipe's table; of one still to be written, its folder."""
    cells = [line.split("|")[1] for line in recipe.splitlines() if line.startswith("| `")]
    named = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    return [str(Path(name).parent) if "<" in name else name for name in named]


@pytest.mark.parametrize("name", ["quantity", "marker", "output kind", "figure", "logger"])
def test_the_files_of_every_recipe_are_there(name):
    named = files(RECIPES[name])
    assert len(named) >= 3
    assert "CHANGELOG.md" in named
    assert [file for file in named if not (ROOT / file).exists()] == []


def test_a_file_that_is_not_there_would_be_noticed():
    assert files("| `no/such.py`, `tests/new/test_<name>.py` | a row |") == ["no/such.py", "tests/new"]


def test_every_command_is_there():
    made = set(re.findall(r"(?:^|`)make (\w+)", GUIDE, re.MULTILINE))
    assert made >= {"test", "hooks", "gpu"}
    assert made <= set(re.search(r"\.PHONY: (.*)", MAKEFILE)[1].split())
    named = re.findall(r"`((?:tests|docs|\.ci)/[^`<]+)`", GUIDE)
    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_links_lead_to_files():
    for page in [ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            assert "://" in link or (page.parent / link).exists(), (page.name, link)


def test_pre_commit_checks_what_the_one_command_checks():
    """Read as text: PyYAML is not everywhere where tests run."""
    hooks = re.findall(r"entry: (.*)", (ROOT / ".pre-commit-config.yaml").read_text())
    recipe = re.search(r"\ntest: .*\n((?:\t.*\n)+)", MAKEFILE)[1]
    checks = [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe.splitlines()]
    assert hooks == [line for line in checks if "pytest" not in line]
    assert len(hooks) == 3
