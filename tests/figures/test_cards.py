"""Pictures for cards: the size, the letters, the ground, the answer, and the data in them."""

import itertools
import math
from array import array

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from lightning_infogeo.figures import answer, approach, distances, embedding
from lightning_infogeo.figures.card import HEIGHT, WIDTH, step_name
from lightning_infogeo.figures.palette import _EVENT_COLOURS, INK, LINES
from lightning_infogeo.loggers.picture import Picture
from lightning_infogeo.markers import Event
from tests.helpers.drawn import boxes, flag, overlapping, path, trajectory

STEPS = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
FALLING = trajectory([1.1 - k / 12 for k in range(12)], steps=STEPS)
TURNING = trajectory([1.1, 1.1, 1, 0.9, 0.7, 0.5, 0.4, 0.3, 0.25, 0.3, 0.4, 0.5], steps=STEPS)
EVENTS = [
    Event("knee", "val", 8, 64, 1.0, ""),
    flag(step=128, known=256),
    Event("memorisation", "val", 400, 700, 1, ""),
]
LONG = "validation_of_the_second_hospital_in_the_north"


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    """WCAG 2's ratio."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", [INK, *LINES, *_EVENT_COLOURS.values()])
def test_letters_and_lines_stand_out_on_a_light_card_and_on_a_dark_one(colour):
    """3:1 is what WCAG asks of large letters and of lines; #303030 is TensorBoard's dark card."""
    assert contrast(colour, "white") >= 3
    assert contrast(colour, "#303030") >= 3


def test_the_contrast_of_black_and_white_is_21():
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast("#0072B2", "#303030") < 3  # Okabe and Ito's blue would not do


def slow_and_fast():
    made = trajectory([1.0] * 6, labelled=False)
    made._values[:: len(made.quantities)] = array("d", [math.nan, 1e-1, 1e-3, 1e-5, 1e-2, 1e-4])  # the velocity
    return made


def cards():
    val, train = TURNING, FALLING
    title, colour = answer("val", val, EVENTS)
    yield "curves", approach({"train": train, "val": val}, "val", EVENTS)
    yield "curves without events", approach({"train": train, "val": train}, "val")
    yield "embedding", embedding(path(STEPS), title, EVENTS, colour)
    yield "distances", distances(path(STEPS), title, EVENTS, colour)
    named = {LONG: val, f"{LONG}_2": train, "$x^$": train, "train": train}
    events = [event._replace(probe=LONG) for event in EVENTS]
    yield "curves of long names", approach(named, LONG, events)
    long_title, _ = answer(LONG, val, events)
    yield "embedding of long names", embedding(path(STEPS, (LONG, "$x^$")), long_title, events)
    yield "distances of long names", distances(path(STEPS, (LONG,)), long_title, events)
    yield "velocity", approach({"val": slow_and_fast()}, "val")
    few = [0, 1, 2]
    yield "curves of two records", approach({"val": trajectory([1, 2, 3], steps=few)}, "val")
    yield "embedding of three records", embedding(path(few), "val")
    yield "distances of two records", distances(path(few), "val")
    yield "an empty one", approach({"val": trajectory([])}, "val")


CARDS = dict(cards())


@pytest.mark.parametrize("name", CARDS)
def test_a_card_has_its_size_no_ground_of_its_own_and_every_word_on_it(name):
    figure = CARDS[name]
    picture = Picture.of(figure)
    assert picture.pixels.shape == (HEIGHT, WIDTH, 4) == (400, 760, 4)
    assert picture.pixels[[0, 0, -1, -1], [0, -1, 0, -1], 3].tolist() == [0] * 4
    for text, left, bottom, right, top in boxes(figure):
        assert left >= -1, text
        assert right <= WIDTH + 1, text
        assert bottom >= -1, text
        assert top <= HEIGHT + 1, text


@pytest.mark.parametrize("name", CARDS)
def test_no_word_covers_another_and_all_are_large(name):
    figure = CARDS[name]
    assert overlapping(boxes(figure)) == []
    sizes = [text.get_fontsize() for text in figure.findobj(lambda each: hasattr(each, "get_text")) if text.get_text()]
    assert min(sizes, default=99) >= 11


OF_ONE = {
    "curves": lambda: approach({"val": TURNING}, "val", EVENTS),
    "velocity": lambda: approach({"val": slow_and_fast()}, "val"),
    "embedding": lambda: embedding(path(STEPS), "title", EVENTS),
    "distances": lambda: distances(path(STEPS), "title", EVENTS),
}


@pytest.mark.parametrize("name", OF_ONE)
def test_a_card_is_the_same_whatever_the_user_has_set_for_figures_of_his_own(name):
    draw = OF_ONE[name]
    plain = Picture.of(draw()).pixels
    settings = {
        "text.usetex": True,
        "font.family": "no such font",
        "axes.grid": True,
        "lines.marker": "o",
        "figure.autolayout": True,
        "font.size": 4,
    }
    with matplotlib.rc_context(settings):
        np.testing.assert_array_equal(Picture.of(draw()).pixels, plain)


def test_an_overlap_would_be_seen():
    figure = approach({"val": TURNING}, "val")
    figure.text(0.03, 0.92, "over the title")
    assert any("over the title" in pair for pair in overlapping(boxes(figure)))


def test_curves_hold_the_distances_and_say_since_when_and_when_it_was_known():
    figure = approach({"train": FALLING, "val": TURNING}, "val", EVENTS)
    (axes,) = figure.axes
    lines = axes.get_lines()
    assert lines[0].get_xdata().tolist() == STEPS[1:]  # the probe the card is about; a logarithmic axis has no 0
    np.testing.assert_allclose(lines[0].get_ydata(), TURNING.distance_to_truth[1:])
    np.testing.assert_allclose(lines[1].get_ydata(), FALLING.distance_to_truth[1:])
    assert axes.get_xscale() == "log"
    upright = [list(line.get_xdata()) for line in lines if list(line.get_ydata()) == [0, 1]]
    assert upright == [[128, 128], [256, 256]]
    written = [text.strip() for text, *_ in boxes(figure)]
    assert {"since 128", "known at 256", "knee", "val", "train"} <= set(written)
    assert "val: away from the truth since step 128, known at 256" in written


def test_a_flag_that_was_withdrawn_is_not_the_answer():
    events = [flag(), Event("recovered", "val", 900, 1000, 0.1, "")]
    title, _ = answer("val", FALLING, events)
    assert title == "val: never closer to the truth than now, step 1024"
    (axes,) = approach({"val": FALLING}, "val", events).axes
    assert not [line for line in axes.get_lines() if list(line.get_ydata()) == [0, 1]]


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        (TURNING, "val: closest to the truth at step 128, now 100.0% farther"),
        (trajectory([1, 2], labelled=False), "val: step 10"),
        (trajectory([]), "val: no finite predictions yet"),
    ],
)
def test_the_answer_without_a_flag_is_where_the_probe_stands(probe, said):
    assert answer("val", probe, [])[0] == said


def test_without_labels_the_velocity_is_drawn():
    figure = approach({"val": trajectory([1, 2, 3], labelled=False)}, "val")
    (axes,) = figure.axes
    assert (axes.get_ylabel(), axes.get_yscale()) == ("information velocity", "log")
    assert axes.get_lines()[0].get_ydata().tolist() == [0.1, 0.1]


def test_an_embedding_has_one_scale_the_path_and_events_at_their_records():
    made = path(STEPS)
    figure = embedding(made, "title", EVENTS)
    (axes,) = figure.axes
    spans = np.diff(axes.get_xlim())[0], np.diff(axes.get_ylim())[0]
    box = axes.get_window_extent()
    assert spans[0] / box.width == pytest.approx(spans[1] / box.height)
    drawn = next(line for line in axes.get_lines() if len(line.get_xdata()) == len(STEPS))
    np.testing.assert_allclose(drawn.get_xydata(), made.embedding.coordinates[:, :2])
    crosses = [line.get_xydata()[0] for line in axes.get_lines() if line.get_marker() == "x"]
    expected = [made.embedding.coordinates[STEPS.index(step), :2].numpy() for step in (128, 8, 512)]  # nearest to 400
    np.testing.assert_allclose(crosses, expected)
    written = " ".join(text for text, *_ in boxes(figure))
    for words in ("now, step 1024", "overfitting 128", "truth", "knows nothing", "eigenvalues", "the shortest way"):
        assert words in written


def test_probes_of_the_same_samples_are_told_apart_and_runs_referred_to_are_named():
    joint = path(STEPS, ("clean", "blurred"))
    figure = embedding(joint, "title")
    lines = [line for line in figure.axes[0].get_lines() if len(line.get_xdata()) == len(STEPS)]
    assert len({line.get_color() for line in lines}) == 2
    written = [text for text, *_ in boxes(figure)]
    assert {"clean now, step 1024", "blurred now, step 1024"} <= set(written)
    referred = path(STEPS)._replace(references=(("an earlier run", torch.randn(5, 3)),))
    assert "an earlier run" in [text for text, *_ in boxes(embedding(referred, "title"))]


def test_time_like_axes_are_named():
    made = path(STEPS)
    signs = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)
    signed = made._replace(embedding=made.embedding._replace(eigenvalues=made.embedding.eigenvalues * signs))
    written = " ".join(text for text, *_ in boxes(embedding(signed, "title")))
    assert written.count("(time-like)") == 1


def test_distances_are_those_of_the_records_on_logarithmic_steps_with_phases():
    made = path(STEPS)
    figure = distances(made, "title", EVENTS)
    axes = figure.axes[0]
    (mesh,) = axes.collections
    np.testing.assert_allclose(mesh.get_array().reshape(11, 11), made.embedding.distances[1:, 1:])
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    written = [text for text, *_ in boxes(figure)]
    phases = ["learning", "slow learning", "overfitting", "learning by heart"]
    assert [text for text in written if text in phases] == phases
    spans = ["steps 1 to 8", "steps 8 to 128", "steps 128 to 400", "steps 400 to 1024"]
    assert [text for text in written if text.startswith("steps ")] == spans


@pytest.mark.parametrize("seed", range(6))
def test_no_word_covers_another_whatever_the_path(seed):
    events = [*EVENTS, *(Event("velocity_change", "val", step, step, 1, "") for step in (2, 16, 512, 700))]
    assert overlapping(boxes(embedding(path(STEPS, seed=seed), "title", events))) == []
    assert overlapping(boxes(distances(path(STEPS, seed=seed), "title", events))) == []
    assert overlapping(boxes(approach({"train": FALLING, "val": TURNING}, "val", events))) == []


@pytest.mark.parametrize(("since", "known"), [*itertools.combinations([1, 3, 20, 700, 1000, 1024], 2)])
def test_the_two_steps_of_a_flag_never_cover_each_other(since, known):
    figure = approach({"train": FALLING, "val": TURNING}, "val", [flag(step=since, known=known)])
    found = boxes(figure)
    assert overlapping(found) == []
    assert all(right <= WIDTH for _, _, _, right, _ in found)
    said = [box for text, *box in found if text in (f"since {since}", f"known at {known}")]
    assert said
    for upright in figure.axes[0].transData.transform([(since, 0), (known, 0)])[:, 0]:
        assert not any(left < upright < right for left, _, right, _ in said)


COLLAPSED = [1.1, 1.1, 1, 0.9, 0.7, 0.5, 0.4, 0.3, 0.25, 1.1, 1.1, 1.1]


@pytest.mark.parametrize(("since", "known"), [(128, 300), (20, 256), (128, 900), (3, 20)])
@pytest.mark.parametrize("values", [COLLAPSED, COLLAPSED[::-1], [1.1] * 12, [0.02] * 12])
def test_what_is_said_of_a_flag_does_not_stand_on_a_curve(values, since, known):
    made = trajectory(values, steps=STEPS)
    figure = approach({"train": made, "val": made}, "val", [flag(step=since, known=known)])
    drawn = boxes(figure)
    assert overlapping(drawn) == []
    said = [box for text, *box in drawn if text in (f"since {since}", f"known at {known}")]
    assert len(said) >= 1
    axes = figure.axes[0]
    for line in axes.get_lines()[:2]:
        pixels = axes.transData.transform(line.get_xydata())
        at = np.linspace(pixels[0, 0], pixels[-1, 0], 2000)
        heights = np.interp(at, pixels[:, 0], pixels[:, 1])
        for left, bottom, right, top in said:
            inside = (at > left) & (at < right)
            assert not ((heights > bottom) & (heights < top) & inside).any()


def test_steps_in_few_letters():
    assert [step_name(step) for step in (0, 9_999, 12_345, 3_000_000, 10**9)] == ["0", "9999", "12.35k", "3M", "1G"]
