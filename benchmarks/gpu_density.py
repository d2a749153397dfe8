"""What a record of the weights' density costs on a device, and whether it counts there as on the CPU."""

from collections.abc import Iterator

import torch
from gpu_timing import timed
from torch import Tensor

from lightning_infogeo import ParameterDensity

Entry = tuple[str, dict[str, object]]


def density(device: str, quick: bool) -> Iterator[Entry]:
    """A record of the weights' density on the device and on the CPU: what it takes, and whether they agree."""
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
