"""The sections of ``gpu.py``: each runs in a process of its own and writes its rows to a file as they come."""

import importlib.util
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

import gpu_density
import gpu_distances
import gpu_training
import torch

ROOT = Path(__file__).resolve().parents[1]
Entry = tuple[str, dict[str, object]]
"""The title of a table, and a row of it."""


def run(name: str, file: str, device: str, quick: bool, low_dimensional: str = "", picture: str = "") -> None:
    """Runs a section; an error in it is written as an entry of its own."""
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with open(file, "a", encoding="utf-8") as rows:
        try:
            for title, row in found(name, device, quick, low_dimensional, picture):
                print(f"{title}: {json.dumps(row, ensure_ascii=False)}", flush=True)
                rows.write(json.dumps({"table": title, "row": row}) + "\n")
                rows.flush()
        except BaseException as error:
            traceback.print_exc()
            rows.write(json.dumps({"error": f"{type(error).__name__}: {error}"[:600]}) + "\n")
            raise SystemExit(1) from error


def found(name: str, device: str, quick: bool, low_dimensional: str, picture: str) -> Iterator[Entry]:
    if name == "tests":
        yield from tests(device, quick)
    elif name == "distances":
        yield from gpu_distances.small_distances(device, quick)
        yield from gpu_distances.pairwise(device, quick, low_dimensional, picture)
    elif name == "density":
        yield from gpu_density.density(device, quick)
    elif name == "training":
        yield from gpu_training.training(device, quick)
    else:
        yield from records(name, device, quick)


def tests(device: str, quick: bool) -> Iterator[Entry]:
    """Runs the tests marked gpu, one line each as they end; the rows are counts, and what did not pass."""
    paths = ["tests/gpu/test_density.py"] if quick else ["tests/gpu"]
    if not quick and importlib.util.find_spec("sklearn"):
        paths.append("tests/monitor/test_compatibility.py")
    # Warnings of other versions of libraries are not what is tested here; the package's own are.
    relief = ["-W", "default", "-W", "error:`InfoGeometryMonitor"]
    marked = ["-m", "gpu" if device == "cuda" else "not gpu"]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", *paths, *marked, *relief, "-v", "--tb=short", "--durations=8"]
        process = subprocess.Popen(
            [*command, "-p", "no:cacheprovider", f"--basetemp={folder}/tests", "--color=no"],
            cwd=ROOT,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "TORCHINDUCTOR_COMPILE_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        counts: dict[str, int] = {}
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            ended = re.match(r"(tests/\S+::.+?) (PASSED|FAILED|SKIPPED|ERROR|XFAIL)\b", line)
            if ended:
                counts[ended[2]] = counts.get(ended[2], 0) + 1
            if ended and ended[2] in ("FAILED", "ERROR"):
                yield "Tests that did not pass", {"test": ended[1], "": ended[2].lower()}
            reason = re.match(r"(?:FAILED|ERROR|SKIPPED) .+", line)
            if reason:
                yield "Tests: reasons", {"": line.strip()[:300]}
        code = process.wait()
    yield "Tests marked gpu", {kind: counts.get(kind.upper(), 0) for kind in ("passed", "failed", "skipped", "error")}
    if code:
        raise RuntimeError(f"pytest ended with {code}: {counts.get('FAILED', 0)} tests failed")


def records(name: str, device: str, quick: bool) -> Iterator[Entry]:
    """A record ÷ the bare forward of one model, probed in float32, as by default, and in the training's bf16."""
    from gpu_models import images, language_model
    from gpu_records import record_row

    title = "A record in a training in bf16-mixed, probed with everything a monitor does by default"
    ways = [("full", False, "256MB"), ("training", False, "256MB")]
    ways += [("full", True, "256MB")] if device == "cuda" and name.startswith("ResNet") else []
    ways += [("full", False, "2GB")] if name == "ResNet-50" and not quick else []
    for precision, captured, memory in ways:
        try:
            torch.manual_seed(0)
            made = language_model(quick) if name == "language model" else images(name, quick)
        except ImportError as error:
            yield title, {"model": name, "probed in": f"left out: {error}"}
            return
        shape = made[2].inputs.shape
        size = f"{shape[1]} tokens" if name == "language model" else f"{shape[-1]} px"
        with tempfile.TemporaryDirectory() as folder:
            row = record_row(made, precision, captured, memory, device, 2 if quick else 7, folder)
        launched = "as a graph" if captured else "one by one"
        yield title, {"model": f"{name}, {size}", "memory": memory, "behind the forward launched": launched, **row}
