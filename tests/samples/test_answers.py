"""Single samples against definitions written out slowly, closed forms, and what must not be taken for an answer."""

import subprocess
import sys

import numpy as np
import pytest

from infogeo_tensorboard.answers import Answers, answers_of, moved
from tests.helpers.contracts import random_logits
from tests.helpers.oracles import softmax
from tests.helpers.slow_answers import slow_answers, slow_distance, slow_lists, slow_summary

LABELS = np.arange(40) % 4


def probabilities(records=15, seed=0):
    """Of 40 samples of 4 classes that are learnt, with so much noise that many are forgotten."""
    pull = np.linspace(0, 2, records)[:, None, None] * np.eye(4)[LABELS]
    return softmax(random_logits(records, 40, 4, seed=seed, scale=1.5).numpy() + pull)


@pytest.mark.parametrize("seed", range(3))
def test_everything_is_as_defined(seed):
    p = probabilities(seed=seed)
    answers, found = Answers.of(np.sqrt(p), LABELS), slow_summary(p.tolist(), LABELS.tolist())
    for name, measured in (
        ("confidence", answers.confidence()),
        ("variability", answers.variability()),
        ("correctness", answers.correctness()),
        ("forgetting", answers.forgetting_events()),
        ("area", answers.area_under_margin()),
        ("since", answers.right_since()),
        ("now", answers.p[-1]),
        ("sure", answers.p_predicted[-1]),
    ):
        np.testing.assert_allclose(measured, [sample[name] for sample in found], rtol=1e-12, err_msg=name)
    assert answers.forgetting_events().max() > 1


@pytest.mark.parametrize("record", [0, 1, 7, -1])
def test_lists_are_as_defined_at_every_record(record):
    p = probabilities()
    answers = Answers.of(np.sqrt(p), LABELS)
    wanted = slow_lists(p[: record % len(p) + 1].tolist(), LABELS.tolist())
    for name in ("forgotten", "confidently_wrong", "never_learnt", "memorised_late"):
        assert getattr(answers, name)(record).tolist() == wanted[name], name
    assert answers.ranked().tolist() == slow_lists(p.tolist(), LABELS.tolist())["ranked"]


def test_answers_of_probabilities_are_as_defined():
    p = probabilities(3)
    np.testing.assert_allclose(answers_of(np.sqrt(p), LABELS), slow_answers(p.tolist(), LABELS.tolist()), rtol=1e-12)


def test_a_sample_that_alternates_has_closed_forms():
    """p(label) is ¾ and ¼ by turns: mean ½, deviation ¼, margins ± ln 3, forgotten at every second record."""
    p = np.array([[[0.75, 0.25]], [[0.25, 0.75]]] * 5)
    answers = Answers.of(np.sqrt(p), [0])
    assert answers.confidence()[0] == pytest.approx(0.5)
    assert answers.variability()[0] == pytest.approx(0.25)
    assert answers.correctness()[0] == 0.5
    assert answers.area_under_margin()[0] == pytest.approx(0, abs=1e-12)
    assert answers.area_under_margin([1, 0] * 5)[0] == pytest.approx(np.log(3))
    assert answers.forgetting_events()[0] == 5
    assert answers.right_since(4)[0] == 4


def test_the_margin_is_the_difference_of_the_logits():
    logits = random_logits(2, 30, 6, seed=4, scale=9.0).numpy().astype(np.float64)
    labels = np.arange(30) % 6
    others = np.where(np.eye(6, dtype=bool)[labels], -np.inf, logits).max(-1)
    own = np.take_along_axis(logits, np.broadcast_to(labels[:, None], (2, 30, 1)), -1)[..., 0]
    answers = Answers.of(np.sqrt(softmax(logits)), labels)
    np.testing.assert_allclose(answers.margins, own - others, rtol=1e-9)


def test_weights_are_those_of_repeated_records():
    p = probabilities(4)
    weighted, repeated = Answers.of(np.sqrt(p), LABELS), Answers.of(np.sqrt(p[[0, 1, 1, 3, 3, 3]]), LABELS)
    for name in ("confidence", "variability", "correctness", "area_under_margin"):
        np.testing.assert_allclose(getattr(weighted, name)([1, 2, 0, 3]), getattr(repeated, name)(), rtol=1e-12)


def test_written_in_half_precision_they_are_the_same_within_its_rounding():
    exact = answers_of(np.sqrt(probabilities()), LABELS)
    whole, half = Answers(exact, LABELS), Answers(exact.astype(np.float16), LABELS)
    assert (whole.right == half.right).all()
    assert (whole.forgetting_events() == half.forgetting_events()).all()
    np.testing.assert_allclose(half.confidence(), whole.confidence(), rtol=2e-3)


def test_equal_classes_go_to_the_first_and_only_there_is_a_tie_right():
    equal = np.full((1, 2, 2), 0.5**0.5)
    assert Answers.of(equal, [0, 1]).right.tolist() == [[True, False]]


def test_records_that_are_not_finite_are_left_out():
    p = probabilities(6)
    broken = np.sqrt(p)
    broken[2], broken[4, 3] = np.nan, np.nan
    answers = Answers.of(broken, LABELS)
    assert answers.records.tolist() == [0, 1, 3, 5]
    expected = Answers.of(np.sqrt(p[[0, 1, 3, 5]]), LABELS)
    assert (answers.forgetting_events() == expected.forgetting_events()).all()
    assert (answers.confidence() == expected.confidence()).all()


def test_without_labels_there_are_predictions_alone():
    p = probabilities(2)
    answers = Answers.of(np.sqrt(p))
    assert (answers.predicted == p.argmax(-1)).all()
    np.testing.assert_allclose(answers.p_predicted, p.max(-1))
    for name in ("p", "right", "margins", "log_p"):
        with pytest.raises(ValueError, match="no labels"):
            getattr(answers, name)
    with pytest.raises(ValueError, match="no labels"):
        answers.forgotten()


def test_probabilities_of_zero_have_finite_logarithms():
    certain = np.array([[[1, 0, 0]]], dtype=np.float32)
    answers = Answers.of(certain, [1])
    assert np.isfinite(answers.area_under_margin()).all()
    assert answers.area_under_margin()[0] < -200
    bytes_alone = Answers.of(np.array([[[255, 0, 3]]], dtype=np.uint8), [1])
    assert np.isfinite(bytes_alone.area_under_margin()).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Answers(np.zeros((2, 3))), "shape"),
        (lambda: Answers(np.zeros((2, 4, 3)), [0, 1]), "one class for each of 4"),
        (lambda: Answers(np.zeros((2, 2, 3)), [[0, 1], [1, 1]]), "multi-label"),
        (lambda: Answers(np.zeros((2, 2, 3)), [0.5, 1.0]), "float64"),
        (lambda: Answers(np.zeros((2, 2, 3)), [0, -100]), "-100"),
        (lambda: answers_of(np.ones((1, 2, 1)), [0, 0]), "shape"),
        (lambda: answers_of(np.ones((1, 2, 3)), [0, 3]), "there are 3 classes"),
        (lambda: answers_of(-np.ones((1, 2, 3)), [0, 1]), "sketches"),
        (lambda: Answers(np.full((2, 2, 3), np.nan), [0, 1]).confidence(), "no record"),
        (lambda: moved(np.ones((2, 3)), np.ones((3, 3))), r"\(2, 3\)"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_record_that_is_not_there_is_refused():
    with pytest.raises(IndexError, match="no record 2 among 2"):
        Answers.of(np.sqrt(probabilities(2)), LABELS).forgotten(2)


def test_distances_moved_are_as_defined():
    p, q = probabilities(2)
    wanted = [slow_distance(a, b) for a, b in zip(p.tolist(), q.tolist(), strict=True)]
    np.testing.assert_allclose(moved(np.sqrt(p), np.sqrt(q)), wanted, rtol=1e-7)
    np.testing.assert_allclose(moved(3 * np.sqrt(p), np.sqrt(q)), wanted, rtol=1e-7)


def test_small_moves_are_not_lost_as_the_arc_cosine_loses_them():
    angles = np.array([0.3, 0.3 + 1e-9])
    before, after = (np.stack([[np.cos(angle), np.sin(angle)]]) for angle in angles)
    assert moved(before, after)[0] == pytest.approx(2e-9, rel=1e-6)
    assert 2 * np.arccos((before * after).sum()) != pytest.approx(2e-9, rel=1e-1)


def test_sketches_further_apart_than_predictions_can_be_are_at_the_largest_distance():
    assert moved([[1, 0.0]], [[-1, 0.2]])[0] == pytest.approx(np.pi)


def test_they_need_neither_torch_nor_lightning():
    code = (
        "import sys, infogeo_tensorboard.answers;"
        " print(sorted({'torch', 'lightning', 'pytorch_lightning', 'lightning_infogeo'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
