"""Drawing beside the training: in order, each once, raised where it is asked for, ended with the fit."""

import multiprocessing
import os
import threading
import time

import pytest
from matplotlib.figure import Figure

from lightning_infogeo.loggers.picture import Picture
from lightning_infogeo.monitor.host.drawing_budget import DrawingBudget
from lightning_infogeo.monitor.host.drawing_thread import DrawingThread


class Drawing:
    """Says where and when it was drawn; waits for ``go`` before."""

    def __init__(self, name, go=None, error=None):
        self.name, self.go, self.error, self.thread = name, go, error, None

    def pictures(self):
        if self.go is not None:
            assert self.go.wait(30)
        self.thread = threading.current_thread()
        if self.error:
            raise self.error
        return [(self.name, "pixels")]


def ended(thread):
    return not [each for each in threading.enumerate() if each.name.startswith("infogeo-drawing")]


def test_nobody_waits_for_a_drawing_until_asked_to():
    thread, go = DrawingThread(), threading.Event()
    first, second = Drawing("first", go), Drawing("second")
    thread.draw(first)
    thread.draw(second)
    assert list(thread.finished()) == []
    assert thread.begun
    go.set()
    assert [(drawing.name, pictures) for drawing, pictures in thread.finished(wait=True)] == [
        ("first", [("first", "pixels")]),
        ("second", [("second", "pixels")]),
    ]
    assert not thread.begun
    assert first.thread is second.thread is not threading.main_thread()
    assert list(thread.finished(wait=True)) == []
    thread.close()
    assert ended(thread)


def test_what_a_drawing_raises_is_raised_where_it_would_have_been_given():
    thread = DrawingThread()
    thread.draw(Drawing("bad", error=MemoryError("no room")))
    with pytest.raises(MemoryError, match="no room"):
        list(thread.finished(wait=True))
    thread.draw(Drawing("good"))
    assert [pictures for _, pictures in thread.finished(wait=True)] == [[("good", "pixels")]]
    thread.close()


def test_closing_waits_for_no_drawing_that_has_not_begun():
    thread, go = DrawingThread(), threading.Event()
    begun, waiting = Drawing("begun", go), Drawing("waiting")
    thread.draw(begun)
    thread.draw(waiting)
    go.set()
    thread.close()
    assert ended(thread)
    assert not thread.begun
    thread.draw(Drawing("after"))  # in a fit that goes on
    assert [pictures for _, pictures in thread.finished(wait=True)] == [[("after", "pixels")]]
    thread.close()


def test_in_a_hurry_only_what_is_begun_and_the_last_one_are_drawn():
    thread, go = DrawingThread(), threading.Event()
    for name in ("begun", "second", "third"):
        thread.draw(Drawing(name, go))
    thread.draw(Drawing("last"))
    thread.hurry(0.0)
    go.set()
    assert [drawing.name for drawing, _ in thread.finished(wait=True)] == ["begun", "last"]
    thread.close()


class Figures(Drawing):
    def pictures(self):
        for _ in range(40):
            Picture.of(Figure((1, 1)))
        return []


def draw_one():
    Picture.of(Figure((1, 1)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
def test_a_process_that_is_forked_meanwhile_can_draw_too():
    """As a DataLoader's worker does whose data set makes pictures; matplotlib's locks must be free in it."""
    thread = DrawingThread()
    for _ in range(3):
        thread.draw(Figures("many"))
    forked = multiprocessing.get_context("fork")
    children = []
    while thread.begun:
        children.append(forked.Process(target=draw_one))
        children[-1].start()
        list(thread.finished())
    for child in children:
        child.join(30)
        hangs = child.is_alive()
        child.kill()
        assert not hangs
        assert child.exitcode == 0
    thread.close()


class Slow(Drawing):
    def pictures(self):
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass
        return []


def test_the_first_drawing_is_not_counted_and_others_by_the_processors_time():
    thread = DrawingThread()
    for k in range(3):
        thread.draw(Slow(str(k)))
        list(thread.finished(wait=True))
        assert thread.spent >= 0.05 * k
    assert thread.spent < 0.05 * 3
    thread.close()


def test_a_budget_affords_its_share_and_what_comes_ahead():
    assert not DrawingBudget(0.0, ahead=4.0).affords()
    assert DrawingBudget(1.0).affords(1e9)
    begun = DrawingBudget(0.02, ahead=4.0)
    assert begun.affords(3.9)
    assert not begun.affords(4.1)
    late = DrawingBudget(0.02, ahead=4.0)
    late._began -= 1000
    assert late.affords(19)
    assert not late.affords(30)
