"""What a record of the weights' density costs, beside one pass over the weights and beside ``torch.histc`` of them.

    python benchmarks/parameter_cost.py [--sizes 1e5 1e7 1e8] [--layers 10] [--precision float32] [--repeats 5]

Layers of equal size hold all weights. Aim: ≤ 3 × histc. Memory is what is kept from record to record, and the most that
a record allocates besides, which the profiler counts.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from table import report

from lightning_infogeo.parameters import ParameterDensity
from lightning_infogeo.parameters.grid import bin_count


def timed(work: Callable[[], object], repeats: int, device: torch.device) -> float:
    """Median milliseconds, after one call to warm up."""
    times = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - began))
    return statistics.median(times[1:])


def peak(work: Callable[[], object], device: torch.device) -> int:
    """The most bytes held at once beyond those before."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return torch.cuda.max_memory_allocated() - before
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        work()
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    held, most = 0, 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        held += event.nbytes()
        most = max(most, held)
    return most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=float, nargs="+", default=[1e5, 1e7, 1e8])
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        torch.set_num_threads(1)
    rows: list[dict[str, object]] = []
    for size in map(int, options.sizes):
        generator = torch.Generator(device).manual_seed(0)
        groups = {
            str(layer): [
                torch.randn(size // options.layers, device=device, generator=generator)
                .mul_(0.05)
                .to(getattr(torch, options.precision))
            ]
            for layer in range(options.layers)
        }
        tensors = [tensor for layer in groups.values() for tensor in layer]
        bins = bin_count(size // options.layers)
        one_pass = timed(lambda tensors=tensors: [t.sum() for t in tensors], options.repeats, device)
        histc = timed(
            lambda tensors=tensors, bins=bins: [t.float().histc(bins) for t in tensors], options.repeats, device
        )
        for estimator in ("auto", "gaussian"):
            settings = ParameterDensity(estimator=estimator)
            state, _ = settings.extend(settings.start(groups), 0, groups)

            def record(settings=settings, state=state, groups=groups) -> object:
                return settings.extend(state, 1, groups)

            record_time = timed(record, options.repeats, device)
            rows.append(
                {
                    "weights": f"{size:.0e}",
                    "estimator": estimator,
                    "record ms": record_time,
                    "sum ms": one_pass,
                    "histc ms": histc,
                    "÷ sum": record_time / one_pass,
                    "÷ histc": record_time / histc,
                    "kept MB": sum(tensor.nbytes for tensor in state) / 1e6,
                    "peak MB": peak(record, device) / 1e6,
                    "weights MB": sum(tensor.nbytes for tensor in tensors) / 1e6,
                }
            )
    name = torch.cuda.get_device_name() if device.type == "cuda" else "one CPU thread"
    report("parameter_cost", f"Record of the weights' density, {options.precision}, {name}", rows, **vars(options))


if __name__ == "__main__":
    main()
