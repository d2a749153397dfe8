"""Wrong labels of real trainings are among the first ranked: what docs/samples.md tells of, in small."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("label_errors", ROOT / "benchmarks" / "label_errors.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("share", [0.1, 0.2])
def test_flipped_labels_are_the_first_ranked(benchmark, share, monkeypatch):
    monkeypatch.setattr(benchmark, "SAMPLES", 500)
    found = benchmark.precisions(benchmark.digits, share, 0, (200,))[200]
    print(f"precision at the number of flips, {share:.0%} flipped: {found}")
    assert found["area under the margin"] > 0.85
    assert found["area under the margin"] > 4 * share


def test_a_ranking_by_chance_has_the_precision_of_the_share_flipped(benchmark):
    """Negative control: answers that know nothing of the flips."""
    from infogeo_tensorboard.answers import Answers

    random = np.random.default_rng(0)
    p = random.dirichlet(np.ones(10), (5, 4000))
    flipped = np.arange(4000) % 5 == 0
    scores = benchmark.rankings(Answers.of(np.sqrt(p), random.integers(0, 10, 4000)), np.arange(5))
    for name, score in scores.items():
        assert flipped[np.argsort(score, kind="stable")[: flipped.sum()]].mean() == pytest.approx(0.2, abs=0.06), name
