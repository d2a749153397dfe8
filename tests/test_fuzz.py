"""A few of what ``benchmarks/fuzz.py`` tries ten thousand of, and what makes reading safe at all."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzzing import KINDS, Originals

PACKAGE = Path(__file__).parents[1] / "lightning_infogeo"
EXAMPLES = {"archives": 120, "states": 40, "command lines": 40}


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    return Originals(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_damaged_says_so(kind, originals):
    @settings(
        max_examples=EXAMPLES[kind],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def tries(data):
        KINDS[kind](data, originals)

    tries()
