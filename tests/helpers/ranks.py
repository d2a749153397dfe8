"""Runs of several processes beside those of one: what every process wrote, launched once for all tests of a file."""

import json
import sys
from functools import cache
from subprocess import run

import pytest


def launch(cases, folder, processes, *names):
    """Runs the file of ``cases`` by ``torchrun``."""
    options = ["--standalone", "--nproc_per_node", str(processes)]
    script = [cases.__file__, str(folder), str(processes), *names]
    command = [sys.executable, "-m", "torch.distributed.run", *options, *script]
    return run(command, capture_output=True, text=True, timeout=240, check=False)


def compared(cases):
    """Returns two fixtures: what so many processes saw of all cases, and their folder; what one sees of a case."""

    @pytest.fixture(scope="module")
    def ranks(tmp_path_factory):
        @cache
        def launched(processes):
            folder = tmp_path_factory.mktemp(f"ranks{processes}")
            finished = launch(cases, folder, processes)
            found = [json.loads(path.read_text()) for path in sorted(folder.glob("rank*.json"))]
            assert len(found) == processes, finished.stderr[-3000:]
            return folder, found

        return launched

    @pytest.fixture(scope="module")
    def alone(tmp_path_factory):
        @cache
        def trained(case):
            return json.loads(json.dumps(getattr(cases, case)(tmp_path_factory.mktemp(case))))

        return trained

    return ranks, alone
