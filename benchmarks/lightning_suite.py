"""Lightning's own tests with the monitor in every Trainer, against the same tests without it.

    git clone --branch 2.6.5 https://github.com/Lightning-AI/pytorch-lightning
    pip install pytest-timeout cloudpickle psutil  # and what else its requirements/pytorch/test.txt names
    python benchmarks/lightning_suite.py pytorch-lightning [--only '*test_states*'] [--processes 1] [--timeout 300]

Take the tag of the installed Lightning, or the nearest. Nothing in the checkout is edited: the monitor comes in by the
entry point that Lightning reads callbacks from (see monitor_everywhere.py). What is compared, test by test:

1. Does it pass? One that fails only with the monitor fails by design if a line of REASONS says why, else for a fault.
2. What each of its fits has left behind: optimizer steps, weights and buffers, random streams, bit by bit.
3. Whether the monitor warned that it gave up recording.

Whatever differs is run again, without and with: only what differs again, and not without the monitor alone, counts.
The exit code is 1 if there is a fault.
"""

import argparse
import fnmatch
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from lightning_suite_reasons import REASONS
from table import report

PARTS = ("loops", "trainer", "callbacks", "checkpointing", "loggers")
HERE = Path(__file__).resolve().parent
ENTRY_POINT = "[lightning.pytorch.callbacks_factory]\nmonitors = monitor_everywhere:monitors\n"
GAVE_UP = "Training goes on without this monitor"


class Suite(NamedTuple):
    """Where the tests are, and how they are run."""

    checkout: Path
    notes: Path
    timeout: int

    def run(self, name: str, part: str, monitored: bool, only: list[str]) -> dict[str, dict[str, Any]]:
        """Returns what became of each test of a part; a process that dies is followed by another for the rest."""
        path = self.notes / f"{name}-{part.replace('/', '-')}.jsonl"
        path.with_suffix(".only").write_text(json.dumps(only))
        folders = [self.checkout, HERE.parent, HERE, *([self.entry_point()] if monitored else [])]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, [*folders, os.environ.get("PYTHONPATH", "")])).rstrip(os.pathsep),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SUITE_NOTES": str(path),
        }
        options = ["-q", "-p", "monitor_everywhere", "-p", "no:cacheprovider", "--timeout", str(self.timeout)]
        command = [sys.executable, "-m", "pytest", f"tests_pytorch/{part}", *options, *self.without_files()]
        path.touch()
        while True:
            before = path.stat().st_size
            with path.with_suffix(".txt").open("a") as output:
                code = subprocess.run(
                    command, cwd=self.checkout / "tests", env=environment, stdout=output, stderr=subprocess.STDOUT
                ).returncode
            if code in (0, 1, 5):
                return read(path)
            if path.stat().st_size == before:
                sys.exit(f"{part}: pytest ended with {code} before any test; see {path.with_suffix('.txt')}")

    def without_files(self) -> list[str]:
        """Leaves out tests of old checkpoints, which are not in the repository."""
        legacy = self.checkout / "tests" / "legacy" / "checkpoints"
        return [] if legacy.exists() else ["--ignore-glob=*test_legacy_checkpoints.py"]

    def entry_point(self) -> Path:
        """Returns a folder that, on the path, is an installed package with Lightning's entry point for callbacks."""
        folder = self.notes / "with"
        described = folder / "monitor_everywhere-0.dist-info"
        described.mkdir(parents=True, exist_ok=True)
        (described / "METADATA").write_text("Metadata-Version: 2.1\nName: monitor-everywhere\nVersion: 0\n")
        (described / "entry_points.txt").write_text(ENTRY_POINT)
        return folder


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Returns the last that was noted of each test; one that has only begun took its process with it."""
    died = {"outcome": "died", "message": "the process died", "fits": [], "warned": [], "seconds": 0.0}
    lines = path.read_text().splitlines() if path.exists() else []
    return {entry["test"]: {**died, **entry} for entry in map(json.loads, lines)}


def failed(entry: dict[str, Any]) -> bool:
    return entry["outcome"] in ("failed", "died")


def gave_up(entry: dict[str, Any]) -> list[str]:
    return [message for message in entry["warned"] if GAVE_UP in message]


def differs(without: dict[str, Any], with_it: dict[str, Any]) -> str:
    """Returns in what a test is another with the monitor, or nothing."""
    if failed(with_it) and not failed(without):
        return f"fails: {with_it['message']}"
    if gave_up(with_it):
        return f"gives up: {gave_up(with_it)[0]}"
    if with_it["outcome"] == without["outcome"] and with_it["fits"] != without["fits"]:
        return f"fits differ: {without['fits']} without, {with_it['fits']} with"
    return ""


def reason(test: str, difference: str) -> str:
    """Returns why a difference is by design, or nothing."""
    return next(
        (r.why for r in REASONS if fnmatch.fnmatchcase(test, r.test) and re.search(r.difference, difference)), ""
    )


def compared(suite: Suite, part: str, only: list[str]) -> dict[str, Any]:
    """Runs one part without, with, and what differs once more."""
    without, with_it = (suite.run(name, part, name == "with", only) for name in ("without", "with"))
    both = [test for test in with_it if test in without]
    suspected = {test: found for test in both if (found := differs(without[test], with_it[test]))}
    real = {}
    if suspected:
        again, with_again = (suite.run(f"{n}-again", part, n == "with", list(suspected)) for n in ("without", "with"))
        even = [test for test in suspected if not differs(without[test], again[test])]
        real = {test: suspected[test] for test in even if differs(again[test], with_again[test])}
    return {
        "part": part,
        "without": without,
        "with": with_it,
        "tests": both,
        "differing": real,
        "uneven": sorted(set(suspected) - set(real)),
    }


def rows_of(found: list[dict[str, Any]]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for part in found:
        entries = [(test, part["without"][test], part["with"][test]) for test in part["tests"]]
        fits = [fit for _, one, other in entries if one["outcome"] == other["outcome"] for fit in one["fits"]]
        by_design = [test for test, difference in part["differing"].items() if reason(test, difference)]
        rows.append(
            {
                "part": part["part"],
                "tests": len(entries),
                "skipped": sum(one["outcome"] == "skipped" for _, one, _ in entries),
                "fail without too": sum(failed(one) for _, one, _ in entries),
                "differ by design": len(by_design),
                "differ for a fault": len(part["differing"]) - len(by_design),
                "uneven": len(part["uneven"]),
                "fits compared": len(fits),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="folder of Lightning's repository")
    parser.add_argument(
        "--part", action="append", help=f"folder in tests/tests_pytorch; {', '.join(PARTS)} if left out"
    )
    parser.add_argument("--only", default="*", help="pattern of the tests' ids")
    parser.add_argument("--processes", type=int, default=1, help="parts run at a time")
    parser.add_argument("--timeout", type=int, default=300, help="seconds a test may take")
    parser.add_argument("--notes", type=Path, help="folder to keep what each test did in; one run goes on from it")
    options = parser.parse_args()
    if importlib.util.find_spec("pytest_timeout") is None:
        parser.error("needs pytest-timeout: pip install pytest-timeout")
    tests = options.checkout / "tests" / "tests_pytorch"
    if not tests.is_dir():
        parser.error(f"checkout: there is no {tests}")
    parts = options.part or list(PARTS)
    missing = [part for part in parts if not (tests / part).exists()]
    if missing:
        parser.error(f"--part: {', '.join(missing)} not in {tests}")
    with tempfile.TemporaryDirectory() as scratch:
        notes = (options.notes or Path(scratch)).resolve()
        notes.mkdir(parents=True, exist_ok=True)
        suite = Suite(options.checkout.resolve(), notes, options.timeout)
        with ThreadPoolExecutor(options.processes) as pool:
            found = list(pool.map(lambda part: compared(suite, part, [options.only]), parts))
    differing = {test: difference for part in found for test, difference in part["differing"].items()}
    by_design = {test: reason(test, difference) for test, difference in differing.items() if reason(test, difference)}
    faults = {test: difference for test, difference in differing.items() if test not in by_design}
    for why in dict.fromkeys(by_design.values()):
        tests_of = [test for test, given in by_design.items() if given == why]
        print(f"\nBy design: {why}", *tests_of, sep="\n  ")
    for test, difference in faults.items():
        print(f"\nFault: {test}\n  {difference}")
    report(
        "lightning_suite",
        "Lightning's own tests with the monitor in every Trainer",
        rows_of(found),
        by_design=by_design,
        faults=faults,
        uneven=[test for part in found for test in part["uneven"]],
    )
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
