import itertools
import math

import torch


def ornstein_uhlenbeck(weights, times, mean, variance, stationary, seed=0):
    """Paths of dx = −x dt + √D dW, exact at any interval, with m′ = −m and S′ = −2 S + D; float32."""
    generator = torch.Generator().manual_seed(seed)

    def noise():
        return torch.randn(weights, generator=generator, dtype=torch.float64)

    path = [mean + variance**0.5 * noise()]
    for before, after in itertools.pairwise(times):
        kept = math.exp(before - after)
        path.append(kept * path[-1] + (stationary * (1 - kept**2)) ** 0.5 * noise())
    return [point.float() for point in path]


def walk(records=6, scale=0.02, dtype=torch.float32, seed=0):
    """Three groups, the last too small for a histogram."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {"wide": (300, 100), "deep": (150, 200), "few": (40, 5)}
    now = {name: 0.1 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    path = []
    for _ in range(records):
        path.append({name: [x.to(dtype)] for name, x in now.items()})
        now = {name: 0.98 * x + scale * torch.randn(x.shape, generator=generator) for name, x in now.items()}
    return path


def followed(settings, path, steps=None):
    """Rows of every record of a path of tensors or of groups of tensors, and the last state."""
    path = [point if isinstance(point, dict) else {"network": [point]} for point in path]
    state, rows = settings.start(path[0]), []
    for k, groups in enumerate(path):
        state, row = settings.extend(state, k if steps is None else steps[k], groups)
        rows.append(row)
    return torch.stack(rows), state
