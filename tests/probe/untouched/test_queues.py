"""Queues: what a probe reads out of one is handed back; what cannot be handed back is refused."""

import multiprocessing
import queue
import threading

import pytest
from torch.utils.data import DataLoader, IterableDataset

from lightning_infogeo import ConfigurationError, InfoGeometryMonitor
from lightning_infogeo.probe.choosing import choose
from lightning_infogeo.probe.sampling import Amount
from lightning_infogeo.probe.untouched import handed_back
from tests.helpers.classifiers import IMAGES, LABELS, fit


class FromQueue(IterableDataset):
    def __init__(self, size=48, kind=queue.Queue):
        self.queue = kind()
        for index in range(size):
            self.queue.put((IMAGES[index], LABELS[index]))

    def __iter__(self):
        while not self.queue.empty():
            yield self.queue.get()
            if isinstance(self.queue, queue.Queue):
                self.queue.task_done()


@pytest.mark.parametrize("probe_size", [10, 512])
def test_a_stream_from_a_queue_trains_as_without(probe_size, tmp_path):
    steps = []
    for monitors in ([], [InfoGeometryMonitor(probe_size=probe_size)]):
        data = FromQueue()
        made = fit(monitors, tmp_path, train=DataLoader(data, batch_size=8), val=False, max_epochs=1, max_steps=-1)
        steps.append(made.global_step)
        data.queue.join()  # whoever waits for all to be worked on does not wait for ever
    assert steps == [6, 6]


@pytest.mark.parametrize(
    "data", [FromQueue(0), FromQueue(3), FromQueue(16, queue.SimpleQueue)], ids=["0", "3", "simple"]
)
def test_what_would_make_training_wait_or_starve_is_refused(data, tmp_path):
    with pytest.raises(ConfigurationError, match=r"can be read only once.*Probe\(inputs, labels\)"):
        fit(InfoGeometryMonitor(), tmp_path, train=DataLoader(data, batch_size=8), val=False)


def test_queues_of_processes_are_refused():
    class Remote(IterableDataset):
        def __init__(self):
            self.queue = multiprocessing.get_context("spawn").Queue()

        def __iter__(self):
            raise AssertionError("it is read")

    with pytest.raises(ConfigurationError, match=r"reads dataset.queue \(multiprocessing.queues.Queue\)"):
        choose(DataLoader(Remote(), batch_size=8), Amount(8))


def test_what_others_put_in_meanwhile_comes_after():
    waiting = queue.Queue()
    for item in ("a", "b", "c"):
        waiting.put(item)
    with handed_back([waiting]):
        taken = [waiting.get(), waiting.get()]
        producer = threading.Thread(target=waiting.put, args=("d",))
        producer.start()
        producer.join()
    assert taken == ["a", "b"]
    assert [waiting.get() for _ in range(4)] == ["a", "b", "c", "d"]


def test_they_come_back_after_an_exception():
    waiting = queue.Queue()
    waiting.put("a")

    def fails():
        with handed_back([waiting]):
            waiting.get()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert waiting.qsize() == 1
