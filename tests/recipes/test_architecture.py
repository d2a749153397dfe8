"""docs/architecture.md names every room, in the order of imports, and a test for every invariant."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "lightning_infogeo"
PAGE = (ROOT / "docs" / "architecture.md").read_text()
IMPORTS = re.compile(r"^\s*(?:from|import) lightning_infogeo(?:\.| import )(\w+)", re.MULTILINE)


def rows(heading):
    """Returns the cells of the table under a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


ROWS = [re.findall(r"`([^`]+)`", cells[0]) for cells in rows("Rooms")]
ROW_OF = {name: place for place, names in enumerate(ROWS) for name in names}


def room(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def upwards(name, text):
    """Returns the rooms that the code of a room imports although their rows are not above its own."""
    return [other for other in IMPORTS.findall(text) if other != name and ROW_OF[other] >= ROW_OF[name]]


def test_every_room_has_a_row_below_those_that_it_imports_from():
    files = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]
    assert {room(path) for path in files} == {name for name in ROW_OF if "/" not in name}
    folders = {str(path.parent.relative_to(PACKAGE)) for path in PACKAGE.glob("monitor/*/__init__.py")}
    assert {name for name in ROW_OF if "/" in name} == folders
    assert [(path, names) for path in files if (names := upwards(room(path), path.read_text()))] == []
    assert upwards("distances", "import torch\nfrom lightning_infogeo.monitor import x") == ["monitor"]
    assert upwards("distances", "    from lightning_infogeo import figures") == ["figures"]


def test_every_file_it_names_is_there():
    named = re.findall(r"`([a-z_/]+\.py)`", PAGE)
    assert len(named) > 10
    assert [name for name in named if not (PACKAGE / name).exists()] == []


def test_every_invariant_names_tests_that_are_there():
    files = (ROOT / "tests").rglob("test_*.py")
    defined = {name for path in files for name in re.findall(r"^ *def (test_\w+)\(", path.read_text(), re.MULTILINE)}
    invariants = rows("What always holds")
    assert len(invariants) > 20
    for invariant, tests in invariants:
        named = re.findall(r"`(test_\w+)`", tests)
        assert named, invariant
        assert set(named) <= defined, (invariant, set(named) - defined)
    assert "test_that_nobody_wrote" not in defined
