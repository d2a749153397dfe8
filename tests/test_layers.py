"""Data flows one way: a module imports only from modules to its left, and few know a framework; tests lie likewise."""

import ast
from collections import Counter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "lightning_infogeo"
ORDER = [
    ["console", "copies", "json_values", "lightnings", "printable", "quantities", "schedules", "shortening"],
    ["byte_sizes", "errors"],
    ["archive", "distributions"],
    ["distances", "geodesics", "parameters", "scaling"],
    ["probe", "metrics"],
    ["trainer", "trajectory"],
    ["embedding", "markers", "samples", "tab", "theory"],
    ["comparison", "loggers", "reference", "topology"],
    ["figures"],
    ["html_report", "monitor"],
    ["demo"],
    ["cli"],
    ["__init__"],
]
WITHIN_MONITOR = [
    ["arguments", "distributed", "planner", "record_layout"],
    ["budget", "marker_states", "resume"],
    ["further_size"],
    ["device", "host"],
    ["prepared"],
    ["session"],
    ["preparation", "tab_opening"],
    ["opening"],
    ["recorded_training"],
    ["callback"],
]
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}
KNOW = {
    "lightning_utilities": {"console", "lightnings"},
    "matplotlib": {"figures", "loggers"},
    "mpl_toolkits": {"figures"},
    "kmapper": {"topology"},
    "networkx": {"topology"},
    "pandas": {"trajectory", "monitor"},
    "ruptures": {"markers"},
    "zarr": {"archive"},
    "filelock": {"archive"},
    "torchmetrics": {"metrics"},
    "fsspec": {"archive"},
    "plotly": {"html_report"},
}
LAZY = {
    *("matplotlib", "mpl_toolkits", "pandas", "sklearn", "scipy", "kmapper", "networkx", "ruptures"),
    *("zarr", "fsspec", "filelock", "plotly"),
    *("torch.distributed.fsdp", "torch.distributed.tensor"),
}
FILES = sorted(path for path in PACKAGE.rglob("*.py"))
TESTS = Path(__file__).parent
BESIDE_THE_PACKAGE = {"recipes", "helpers", "gpu", "browser", "docs", "replications"}
CHECKS = ("assert", "raises", "warns", "fail")


def room(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports(path):
    """Yields (module, whether at the top of the file and at run time)."""
    tree = ast.parse(path.read_text())
    checking = [n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):  # of the package itself, rooms and what they hold
                names = [f"{node.module}.{n}" for n in names] if node.module == PACKAGE.name else [node.module]
            typing_only = any(node in block.body for block in checking)
            for name in names:
                yield name, node in tree.body, typing_only


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    for name, _, _ in imports(path):
        if name.startswith("lightning_infogeo"):
            target = [*name.split("."), "__init__"][1]
            if target == "__init__" or target == room(path):
                assert room(path) != "__init__" or target != "__init__"
                continue
            assert RANK[target] < RANK[room(path)], f"{room(path)} imports {target}"


def test_within_the_monitor_too():
    """From the callback to the session, from there to the device and the host, which do not know each other."""
    rank = {wing: place for place, wings in enumerate(WITHIN_MONITOR) for wing in wings}
    files = {
        path: path.relative_to(PACKAGE / "monitor").with_suffix("").parts[0]
        for path in FILES
        if room(path) == "monitor"
    }
    assert set(files.values()) - {"__init__"} == set(rank)
    for path, wing in files.items():
        for name, _, _ in imports(path):
            if name.startswith(f"{PACKAGE.name}.monitor.") and wing != "__init__":
                target = name.split(".")[2]
                assert target == wing or rank[target] < rank[wing], f"{wing} imports {target}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_edges_know_a_framework(path):
    for name, _, typing_only in imports(path):
        framework = name.split(".")[0]
        if framework in KNOW and not typing_only:
            assert room(path) in KNOW[framework], f"{path.name} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_one_file_knows_the_packages_of_lightning_and_it_only_names_their_types(path):
    """Whoever imports a class of one does not know it of the other. The demo and a command train on their own."""
    for name, at_top, typing_only in imports(path):
        if name.split(".")[0] in {"lightning", "pytorch_lightning", "lightning_fabric"}:
            known = (room(path) == "lightnings" and typing_only) or room(path) == "demo"
            assert known or (path.name == "process_group.py" and room(path) == "cli" and not at_top), f"imports {name}"


def test_what_is_slow_or_optional_is_imported_only_when_used():
    for path in FILES:
        for name, at_top, typing_only in imports(path):
            if name.split(".")[0] in LAZY or name in LAZY:
                assert typing_only or not at_top, f"{path.name} imports {name} when it is imported"


def test_schedules_need_no_torch():
    assert not any(name.startswith("torch") for name, _, _ in imports(PACKAGE / "schedules.py"))


def test_every_room_has_a_rank_and_every_file_is_small():
    assert {room(path) for path in FILES} == set(RANK)
    lines = sorted(len(path.read_text().splitlines()) for path in FILES)
    assert lines[-1] <= 400
    assert lines[len(lines) // 2] <= 200


def test_tests_lie_in_the_rooms_of_what_they_test():
    folders = {path.parent.relative_to(TESTS) for path in TESTS.rglob("test_*.py")}
    assert {folder.parts[0] for folder in folders if folder.parts} >= {"distances", "monitor"}
    for folder in folders:
        assert (PACKAGE / folder).is_dir() or folder.parts[0] in BESIDE_THE_PACKAGE, folder


def test_no_test_takes_anything_from_another():
    for path in TESTS.rglob("*.py"):
        for name, _, _ in imports(path):
            assert not (name or "").rpartition(".")[2].startswith("test_"), f"{path.name} imports {name}"


def test_every_test_can_fail_by_a_check_of_its_own():
    """By ``assert`` or what is named like it, in the test or in a function that it calls."""
    functions, tests = {}, []
    for path in TESTS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                functions[node.name] = functions.get(node.name, False) or checks(node, {})
                tests += [(path.name, node)] if node.name.startswith("test_") and path.name.startswith("test_") else []
    assert len(tests) > 1000
    assert [(name, test.name) for name, test in tests if not checks(test, functions)] == []
    assert not checks(ast.parse("def test_draws():\n    figure().savefig('a.png')"), functions)


def checks(node, functions):
    """Whether something is asserted in the code, or by a function that it calls."""
    calls = [each.func for each in ast.walk(node) if isinstance(each, ast.Call)]
    called = [func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in calls]
    asserts = any(isinstance(each, ast.Assert) for each in ast.walk(node))
    return asserts or any(name.startswith(CHECKS) or functions.get(name, False) for name in called)


def test_no_two_classes_have_one_name():
    trees = [ast.parse(path.read_text()) for path in FILES]
    names = Counter(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    assert [name for name, count in names.items() if count > 1] == []
