import gc
import logging
import multiprocessing
import sys
from importlib import import_module
from importlib.util import find_spec

import pytest
import torch

from tests.helpers.lightning_log import lightnings_log_is_put_back
from tests.helpers.skipped import pytest_terminal_summary as pytest_terminal_summary

if find_spec("hypothesis"):  # which a machine with a GPU may lack
    from hypothesis import settings

    settings.register_profile("without a clock", deadline=None)  # no test depends on how fast the machine is
    settings.load_profile("without a clock")


def pytest_runtest_setup(item):
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("needs CUDA: make gpu, on a machine that has it")


@pytest.fixture(autouse=True)
def _one_thread():
    """Bit-identical sums need the same number of threads and the same algorithms in every test."""
    before, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    torch.use_deterministic_algorithms(deterministic)


@pytest.fixture(autouse=True)
def _shared_samples_stay_as_they_were_loaded():
    """Tests see the same digits in whatever order they run."""
    yield
    classifiers = sys.modules.get("tests.helpers.classifiers")
    assert classifiers is None or classifiers.put_back() == []


@pytest.fixture(autouse=True)
def _what_is_written_does_not_depend_on_the_tests_before():
    with lightnings_log_is_put_back():
        yield


@pytest.fixture(autouse=True)
def _no_process_is_left_running():
    """What a test leaves running would count as the data's own workers in the next one."""
    before = multiprocessing.active_children()
    yield
    left = [child for child in multiprocessing.active_children() if child not in before]
    if left:
        gc.collect()  # workers end with the loader that has started them
    for child in left:
        child.join(10)
    assert [child.name for child in left if child.is_alive()] == []


@pytest.fixture
def lines_are_written():
    """Other tests may have silenced Lightning's log, and with it the lines that say what is followed."""
    import_module("lightning.pytorch")  # which says what the rank of this process is
    log = logging.getLogger("lightning.pytorch")
    before = log.level
    log.setLevel(logging.INFO)
    yield
    log.setLevel(before)


@pytest.fixture
def command(capsys):
    """Runs a command and returns (exit code, standard output, standard error)."""
    from lightning_infogeo.cli import main

    def run(*arguments):
        torch.set_num_threads(1)
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stopped:
            code = stopped.code
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run
