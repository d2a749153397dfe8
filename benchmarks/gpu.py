"""Everything that needs a GPU, in one command of at most eight minutes: the tests marked gpu, then what a record costs.

    python benchmarks/gpu.py [--output benchmarks/GPU.md] [--low-dimensional DIR] [--picture DIR]
    python benchmarks/gpu.py --device cpu --quick    # every section at a tiny size, to try it out; writes nothing

Needs torch, Lightning and what the package itself needs, and pytest; nothing has to be installed. Networks of
torchvision are left out where that is missing, and the two codes of ``research_codes.py`` without checkouts in DIR.
Every section is a process of its own with a time of its own: one that fails or hangs costs no more than the rest of its
rows, is reported with its error, and makes the exit code 1 once all is written. Without CUDA it says so, writes nothing
and exits 0.
"""

import argparse
import datetime
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
TOTAL = 465
"""Seconds for all sections together."""

SECTIONS = {
    "tests": 200,
    "training": 130,
    "ResNet-50": 60,
    "ResNet-18": 45,
    "ViT-B": 60,
    "language model": 60,
    "distances": 45,
    "density": 60,
}
"""Seconds for each at most, in the order in which they run: the last ones are cut where time is short."""

UNHURRIED = 600
"""Seconds for each where only whether it works is of interest."""

Row = dict[str, object]
Tables = dict[str, list[Row]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "GPU.md")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--quick", action="store_true", help="tiny sizes; nothing is written")
    parser.add_argument("--sections", nargs="+", choices=list(SECTIONS), default=list(SECTIONS))
    parser.add_argument("--low-dimensional", default="")
    parser.add_argument("--picture", default="")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)  # a section, and the file for its rows
    options = parser.parse_args()
    if options.one:
        from gpu_sections import run

        run(*options.one, options.device, options.quick, options.low_dimensional, options.picture)
        return 0
    if options.device == "cuda" and not torch.cuda.is_available():
        print(f"No CUDA device for torch {torch.__version__}: nothing was run, and nothing written.")
        return 0
    began = time.monotonic()
    codes = ["--low-dimensional", options.low_dimensional, "--picture", options.picture]
    tables: Tables = {}
    failures: list[Row] = []
    taken: dict[str, float] = {}
    for name in options.sections:
        left = TOTAL - (time.monotonic() - began)
        seconds = UNHURRIED if options.quick else min(SECTIONS[name], left)
        found, error, took = section(name, seconds, options.device, options.quick, codes)
        taken[name] = took
        for title, rows in found.items():
            tables.setdefault(title, []).extend(rows)
        print(f"== {name}: {took:.0f} s{f', {error}' if error else ''}", flush=True)
        if error:
            failures.append({"section": name, "after [s]": took, "error": error})
    text = document(options.device, tables, failures, taken)
    print(text, flush=True)
    if not options.quick and options.device == "cuda":
        options.output.write_text(text, encoding="utf-8")
        print(f"Written: {options.output}", flush=True)
    return 1 if failures else 0


def section(
    name: str, seconds: float, device: str, quick: bool, further: Sequence[str] = ()
) -> tuple[Tables, str, float]:
    """Runs a section in a process of its own; returns its tables, what went wrong, and how long it took."""
    if seconds < 5:
        return {}, "no time was left for it", 0.0
    began = time.monotonic()
    print(f"== {name}: at most {seconds:.0f} s", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.jsonl"
        command = [sys.executable, __file__, "--device", device, "--one", name, str(file), *further]
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        given = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
        with subprocess.Popen(
            [*command, *["--quick"] * quick], cwd=ROOT, env={**os.environ, **given}, start_new_session=True
        ) as process:
            try:
                code = process.wait(seconds)
                error = f"exit code {code}" if code else ""
            except subprocess.TimeoutExpired:
                error = f"not done after {seconds:.0f} s"
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        entries = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    tables: Tables = {}
    for entry in entries:
        if "error" in entry:
            error = entry["error"]
        else:
            tables.setdefault(entry["table"], []).append(entry["row"])
    return tables, error, time.monotonic() - began


def document(device: str, tables: Tables, failures: list[Row], taken: dict[str, float]) -> str:
    """Returns the report in Markdown."""
    name = torch.cuda.get_device_name() if device == "cuda" else f"CPU ({platform.machine()})"
    about = {
        "card": name,
        "driver": driver() if device == "cuda" else "none",
        "CUDA": torch.version.cuda or "none",
        "Python": platform.python_version(),
        "torch": torch.__version__,
        **{package: installed(package) for package in ("lightning", "torchvision", "numpy")},
        "date": f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}",
        "all sections": f"{sum(taken.values()):.0f} s ({', '.join(f'{key} {taken[key]:.0f}' for key in taken)})",
    }
    lines = [
        f"# On a GPU: {name}",
        "",
        "Written by `make gpu` (`benchmarks/gpu.py`); its figures are not edited by hand.",
        "",
        *(f"- {key}: {value}" for key, value in about.items()),
    ]
    for title, rows in {**tables, **({"Sections that failed": failures} if failures else {})}.items():
        lines += ["", f"## {title}", "", *markdown(rows)]
    return "\n".join([*lines, ""])


def markdown(rows: list[Row]) -> list[str]:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[shown(row.get(column)) for column in columns] for row in rows]
    return [f"| {' | '.join(line)} |" for line in (columns, ["---"] * len(columns), *cells)]


def shown(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value).replace("|", "\\|").replace("\n", " ")


def driver() -> str:
    try:
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.split("\n")[0].strip()


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    sys.exit(main())
