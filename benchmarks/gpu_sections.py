"""The sections of ``gpu.py``: each runs in a process of its own and writes its rows to a file as they come."""

import importlib.util
import json
import logging
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
Entry = tuple[str, dict[str, object]]
"""The title of a table, and a row of it."""


def run(name: str, file: str, device: str, quick: bool) -> None:
    """Runs a section; an error in it is written as an entry of its own."""
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with open(file, "a", encoding="utf-8") as rows:
        try:
            for title, row in found(name, device, quick):
                print(f"{title}: {json.dumps(row, ensure_ascii=False)}", flush=True)
                rows.write(json.dumps({"table": title, "row": row}) + "\n")
                rows.flush()
        except BaseException as error:
            traceback.print_exc()
            rows.write(json.dumps({"error": f"{type(error).__name__}: {error}"[:600]}) + "\n")
            raise SystemExit(1) from error


def found(name: str, device: str, quick: bool) -> Iterator[Entry]:
    if name == "tests":
        yield from tests(device, quick)
    elif name == "distances":
        yield from small_distances(device, quick)
        yield from pairwise(device, quick)
    elif name == "density":
        yield from density(device, quick)
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
    from gpu_models import language_model, resnet
    from gpu_records import record_row

    title = "A record in a training in bf16-mixed, probed with everything a monitor does by default"
    for precision in ("full", "training"):
        try:
            torch.manual_seed(0)
            lower = name.lower().replace("-", "")
            made = language_model(quick) if name == "language model" else resnet(lower, quick)
        except ImportError as error:
            yield title, {"model": name, "probed in": f"left out: {error}"}
            return
        shape = made[2].inputs.shape
        size = f"{shape[1]} tokens" if name == "language model" else f"{shape[-1]} px"
        with tempfile.TemporaryDirectory() as folder:
            row = record_row(made, precision, device, 2 if quick else 9, folder)
        yield title, {"model": f"{name}, {size}", **row}


def small_distances(device: str, quick: bool) -> Iterator[Entry]:
    """Errors in float32, on the device and on the CPU, against float64 of the same logits."""
    from lightning_infogeo import bhattacharyya_from_logits, fisher_rao_from_logits

    generator = torch.Generator().manual_seed(0)
    samples, classes = (8, 10) if quick else (512, 1000)
    z = 3 * torch.randn(samples, classes, generator=generator)
    step = torch.randn(samples, classes, generator=generator)
    for size in (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5):
        w = z + size * step
        row: dict[str, object] = {"perturbation": size}
        for label, distance in (("d_B", bhattacharyya_from_logits), ("d_FR", fisher_rao_from_logits)):
            exact = float(distance(z.double(), w.double()))
            row[label] = exact
            for place in ("cpu", device):
                found = float(distance(z.to(place), w.to(place)))
                row[f"{label}: error on {'the device' if place == device else 'the CPU'}"] = abs(found / exact - 1)
        yield f"Small distances in float32 against float64 on the CPU, {samples} samples, {classes:,} classes", row


def pairwise(device: str, quick: bool) -> Iterator[Entry]:
    """All distances of a history, on the device and on the CPU."""
    from lightning_infogeo import amplitudes, pairwise_bhattacharyya

    cells = [(20, 30, 10)] if quick else [(300, 1000, 10), (1000, 1000, 10), (256, 512, 1000)]
    for records, samples, classes in cells:
        generator = torch.Generator().manual_seed(0)
        steps = torch.randn(records, samples, classes, generator=generator)
        history = amplitudes((steps / (1 + torch.arange(records) / 8)[:, None, None]).cumsum_(0))
        there = history.to(device)
        on_cpu, on_device = pairwise_bhattacharyya(history), pairwise_bhattacharyya(there).cpu()
        apart = ~torch.eye(records, dtype=torch.bool)
        yield (
            "All Bhattacharyya distances of a history",
            {
                "records": records,
                "samples": samples,
                "classes": classes,
                "the CPU [ms]": timed(lambda history=history: pairwise_bhattacharyya(history), "cpu", 1),
                "the device [ms]": timed(lambda there=there: pairwise_bhattacharyya(there), device, 5),
                "largest relative difference": float((on_device / on_cpu - 1)[apart].abs().max()),
            },
        )


def density(device: str, quick: bool) -> Iterator[Entry]:
    """A record of the weights' density on the device and on the CPU: what it takes, and whether they agree."""
    from lightning_infogeo import ParameterDensity

    for size in (2e5,) if quick else (1e7, 1.2e8):
        generator = torch.Generator().manual_seed(0)
        weights = [0.05 * torch.randn(int(size) // 10, generator=generator) for _ in range(10)]
        moved = [tensor + 1e-3 * torch.randn(len(tensor), generator=generator) for tensor in weights]
        settings = ParameterDensity()
        results: dict[str, tuple[Tensor, Tensor]] = {}
        for label in ("the CPU", "the device", "the device, deterministic"):
            place = "cpu" if label == "the CPU" else device
            torch.use_deterministic_algorithms("deterministic" in label)
            groups, then = (
                {str(i): [tensor.to(place)] for i, tensor in enumerate(tensors)} for tensors in (weights, moved)
            )
            state, _ = settings.extend(settings.start(groups), 0, groups)

            def record(settings=settings, state=state, then=then):
                return settings.extend(state, 1, then)

            made, rows = record()
            results[label] = made.counts.cpu(), rows.cpu()
            counts, reference = results["the CPU"]
            flat = [tensors[0] for tensors in then.values()]
            repeats = 2 if place == "cpu" else 5
            before = torch.cuda.memory_allocated() if place == "cuda" else 0
            if place == "cuda":
                torch.cuda.reset_peak_memory_stats()
            took = timed(record, place, repeats)
            most = torch.cuda.max_memory_allocated() - before if place == "cuda" else None
            yield (
                "A record of the weights' density, ten layers",
                {
                    "weights": f"{int(size):,}",
                    "on": label,
                    "record [ms]": took,
                    "one sum of all weights [ms]": timed(lambda flat=flat: [t.sum() for t in flat], place, repeats),
                    "peak [MiB]": None if most is None else most / 2**20,
                    "counts as on the CPU": "yes" if torch.equal(results[label][0], counts) else "NO",
                    "largest relative difference": float((results[label][1] / reference - 1).abs().nan_to_num(0).max()),
                },
            )
    torch.use_deterministic_algorithms(False)


def timed(work: Callable[[], object], device: str, repeats: int) -> float:
    """Median milliseconds, after one call to warm up."""
    times = []
    for _ in range(repeats + 1):
        if device == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - began))
    return statistics.median(times[1:])
