"""Damaged archives, checkpoint states and command lines, by the thousand: none crashes, hangs or takes all memory.

    python benchmarks/fuzz.py [--examples 10000] [--seed 0] [--kind archives]

What is drawn and what is promised is in tests/helpers/fuzzing.py and SECURITY.md. Memory is limited to 4 GiB above what
is in use at the start, and an example to 60 seconds. The first failure of each kind is shown, made small.
"""

import argparse
import logging
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from table import report

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.helpers.fuzzing import KINDS, Originals

SHARES = {"archives": 0.7, "states": 0.15, "command lines": 0.15}
ROOM = 2**32
SECONDS = 60


def too_long(*_: object) -> None:
    raise TimeoutError(f"an example has taken {SECONDS} s")


def tried(kind: str, count: int, originals: Originals, chosen_seed: int) -> dict[str, object]:
    done, longest, kept = 0, 0.0, ""

    @seed(chosen_seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(st.data())
    def tries(data) -> None:
        nonlocal done, longest
        began = time.perf_counter()
        signal.alarm(SECONDS)
        try:
            KINDS[kind](data, originals)
        finally:
            signal.alarm(0)
            done, longest = done + 1, max(longest, time.perf_counter() - began)

    began = time.perf_counter()
    try:
        tries()
    except BaseException as error:
        kept = f"{type(error).__name__}: {error}"
        import traceback

        traceback.print_exception(error)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    spent = time.perf_counter() - began
    return {
        "kind": kind,
        "examples": done,
        "time [s]": spent,
        "longest [s]": longest,
        "peak [MiB]": peak,
        "failure": kept,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=sorted(KINDS), action="append")
    options = parser.parse_args()
    torch.set_num_threads(1)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    signal.signal(signal.SIGALRM, too_long)
    with tempfile.TemporaryDirectory() as folder:
        originals = Originals(folder)
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, -1))
        kinds = options.kind or list(KINDS)
        counts = {kind: round(options.examples * SHARES[kind] / sum(SHARES[k] for k in kinds)) for kind in kinds}
        rows = [tried(kind, count, originals, options.seed) for kind, count in counts.items()]
    report("fuzz", f"{sum(counts.values())} damaged inputs", rows)
    sys.exit(any(row["failure"] for row in rows))


if __name__ == "__main__":
    main()
