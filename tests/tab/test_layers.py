"""The package knows neither torch nor the library, and imports one way; what is heavy comes late."""

import ast
import sys
from pathlib import Path

import pytest

import infogeo_tensorboard

PACKAGE = Path(infogeo_tensorboard.__file__).parent
FILES = sorted(PACKAGE.glob("*.py"))
ORDER = [
    ["__init__"],
    ["answers", "eigenpairs", "json_values", "landmarks", "memory", "milestones", "points", "problems", "troubles"],
    ["distance_table", "inpca", "metadata", "named", "source"],
    ["catalogue", "reader", "recording", "unavailable"],
    ["arguments", "library", "plugin"],
    ["live_map", "sample_lists"],
    ["pair", "state"],
    ["service"],
]
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}
MAY = {"numpy", "tensorboard", "werkzeug", "PIL", "infogeo_tensorboard"}
AT_START = {"__init__", "named", "plugin", "problems", "unavailable"}


def imports(path):
    """Yields (module, whether at the top of the file)."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module]
            if isinstance(node, ast.ImportFrom) and node.module == "infogeo_tensorboard":
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((name, node in tree.body) for name in names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_imports_point_one_way_and_to_few_packages(path):

    for name, at_top in imports(path):
        top, _, rest = name.partition(".")
        assert top in MAY or top in sys.stdlib_module_names, name
        if path.stem in AT_START and at_top:
            assert top not in {"numpy", "PIL"}, name
        target = rest.partition(".")[0]
        if top == "infogeo_tensorboard" and (PACKAGE / f"{target}.py").exists() and at_top:
            assert RANK[target] < RANK[path.stem], name


def test_every_file_has_a_rank_and_is_small():
    assert {path.stem for path in FILES} <= set(RANK)
    lines = sorted(len(path.read_text().splitlines()) for path in FILES)
    assert lines[-1] <= 400
    assert lines[len(lines) // 2] <= 200
