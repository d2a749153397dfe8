"""A start imports what it uses and no more. Modules are counted, each time in a fresh process; no time is measured."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lightning_infogeo
from tests.helpers.synthetic_archives import write
from tests.helpers.synthetic_runs import on_the_geodesic

ROOT = Path(__file__).parents[1]
OURS = {"lightning_infogeo", "infogeo_tensorboard"}
NOT_FOR_A_COMMAND = {
    *("lightning", "lightning_fabric", "pytorch_lightning", "torchmetrics"),
    *("matplotlib", "pandas", "sklearn", "networkx", "sympy"),
}
"""Each takes a good part of a second, or seconds. Not SciPy, by which `compare` joins the runs into a tree."""


def imported(*pieces):
    """Returns what each of several pieces of code imports, one after the other in one process: sets of modules."""
    lines = ["import sys", "seen = {*sys.modules}"]
    for piece in pieces:
        lines += [piece, "print('imported', *({*sys.modules} - seen))", "seen |= {*sys.modules}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    told = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("imported")]
    assert len(told) == len(pieces)
    return [{*modules} for modules in told]


def running(*arguments):
    """Returns code that runs the command line."""
    return f"""from lightning_infogeo.cli import main
try:
    main({[str(argument) for argument in arguments]!r})
except SystemExit as end:
    assert not end.code, end.code"""


def packages(modules):
    return {module.partition(".")[0] for module in modules}


def foreign(modules):
    """Returns what belongs neither to this project nor to Python."""
    return {module for module in modules if not packages([module]) & (OURS | sys.stdlib_module_names)}


def test_the_package_and_its_callback_import_nothing_that_lightning_has_not():
    _, package, callback = imported(
        "import lightning.pytorch", "import lightning_infogeo", "lightning_infogeo.InfoGeometryMonitor"
    )
    assert package == {"lightning_infogeo"}
    assert "lightning_infogeo.monitor.callback" in callback
    assert foreign(callback) == set()
    assert len({module for module in callback if packages([module]) & sys.stdlib_module_names}) <= 10


def test_without_lightning_the_package_imports_itself_alone_and_the_callback_no_lightning():
    package, callback = imported("import lightning_infogeo", "lightning_infogeo.InfoGeometryMonitor")
    assert package & {"torch", "numpy"} == foreign(package) == set()
    assert "torch" in callback
    assert packages(callback) & NOT_FOR_A_COMMAND == set()


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["demo", "--help"], ["compare", "--help"], ["report", "--help"]]
)
def test_version_and_help_import_the_command_line_alone(arguments):
    (modules,) = imported(running(*arguments))
    assert foreign(modules) == set()
    ours = {module for module in modules if packages([module]) & OURS}
    assert {module.split(".")[1] for module in ours if "." in module} == {"cli", "printable"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name in "ab":
        write(folder / name / "infogeo.zarr", on_the_geodesic([k / 10 for k in range(1, 10)], name=name))
    return folder


@pytest.mark.parametrize("command", ["compare", "report", "samples"])
def test_commands_about_recorded_runs_import_torch_and_nothing_that_is_as_slow(command, runs, tmp_path):
    given = {
        "compare": [runs],
        "report": [runs, "-o", tmp_path / "report.html"],
        "samples": [runs / "a", "--csv", tmp_path / "samples.csv"],
    }[command]
    torch, modules = imported("import torch", running(command, *given))
    assert "zarr" in modules  # the runs were read
    assert packages(torch | modules) & NOT_FOR_A_COMMAND == set()


def test_pictures_and_trainings_import_what_they_need():
    """A negative control: these would be noticed."""
    (modules,) = imported("import lightning_infogeo.demo, lightning_infogeo.metrics, matplotlib.figure")
    assert packages(modules) >= {"lightning", "torchmetrics", "matplotlib"}


class TestPublicNames:
    def block(self):
        """The imports that type checkers read: module by name."""
        tree = ast.parse(Path(lightning_infogeo.__file__).read_text())
        (block,) = (node for node in tree.body if isinstance(node, ast.If))
        assert ast.unparse(block.test) == "TYPE_CHECKING"
        assert all(isinstance(node, ast.ImportFrom) for node in block.body)
        assert all(alias.asname == alias.name for node in block.body for alias in node.names)  # re-exported
        return {alias.name: node.module for node in block.body for alias in node.names}

    def test_what_type_checkers_read_is_what_there_is(self):
        table = {name: f"lightning_infogeo.{module}" for name, module in lightning_infogeo._MODULES.items()}
        assert table == self.block()
        assert len(table) == sum(len(names) for names in lightning_infogeo._NAMES.values()) > 60

    def test_every_name_is_that_of_its_module(self):
        for name, module in self.block().items():
            assert getattr(lightning_infogeo, name) is getattr(importlib.import_module(module), name)

    def test_no_module_has_a_public_name_and_takes_its_place(self):
        modules = {path.stem for path in Path(lightning_infogeo.__file__).parent.iterdir()}
        assert "markers" in modules
        assert modules & {*lightning_infogeo.__all__} == set()

    def test_they_are_listed_and_starred_before_any_is_used(self):
        code = "import lightning_infogeo; assert {*lightning_infogeo.__all__} < {*dir(lightning_infogeo)}"
        listed, starred = imported(code, "from lightning_infogeo import *; InfoGeometryMonitor, compare, arc")
        assert "torch" not in listed
        assert "lightning_infogeo.monitor" in starred

    def test_another_name_is_refused_by_its_name(self):
        with pytest.raises(AttributeError, match=r"module 'lightning_infogeo' has no attribute 'InfoGeometryMonitors'"):
            _ = lightning_infogeo.InfoGeometryMonitors
        with pytest.raises(ImportError, match="'Monitor'"):
            exec("from lightning_infogeo import Monitor")
