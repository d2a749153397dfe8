"""A few of what ``benchmarks/fuzz.py`` tries ten thousand of, and what makes reading safe at all."""

import ast
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers.fuzzing import KINDS, Originals

PACKAGE = Path(__file__).parents[1] / "lightning_infogeo"
EXAMPLES = {"archives": 120, "states": 40, "command lines": 40}


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    return Originals(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_damaged_says_so(kind, originals):
    """And of what is tried some is refused and some is well, or little would have been tried."""
    refused = set()

    @settings(
        max_examples=EXAMPLES[kind],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def tries(data):
        refused.add(KINDS[kind](data, originals))

    tries()
    assert refused == {True, False}


FORBIDDEN = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle"}


def loading(path):
    """Yields what a module does that could run code found in a file: imports, and calls by their last two names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0], node
        elif isinstance(node, ast.Call):
            yield ".".join(ast.unparse(node.func).split(".")[-2:]), node


def unsafe(path):
    """Returns what in a module may run code that a file holds."""
    found = []
    for name, node in loading(path):
        options = {k.arg: ast.unparse(k.value) for k in node.keywords} if isinstance(node, ast.Call) else {}
        dangerous = name in FORBIDDEN | {"eval", "exec", "yaml.load", "yaml.unsafe_load"}
        dangerous |= name == "torch.load" and options.get("weights_only") != "True"
        dangerous |= name in ("np.load", "numpy.load") and options.get("allow_pickle", "False") != "False"
        dangerous |= "allow_pickle" in options and options["allow_pickle"] != "False"
        found += [f"{path.name}:{node.lineno}: {name}"] if dangerous else []
    return found


def test_nothing_that_is_read_can_run_code():
    assert [line for path in PACKAGE.rglob("*.py") for line in unsafe(path)] == []


@pytest.mark.parametrize(
    "source",
    [
        *("import pickle", "from pickle import loads", "import a, dill as d", "eval('1')", "yaml.load(p)"),
        *("torch.load(p)", "torch.load(p, weights_only=False)"),
        *("np.load(p, allow_pickle=True)", "numpy.load(p, None, allow_pickle=x)"),
    ],
)
def test_that_would_be_seen(source, tmp_path):
    (tmp_path / "made.py").write_text(source)
    assert unsafe(tmp_path / "made.py")
