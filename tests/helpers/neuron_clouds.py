"""Trajectories of neurons whose branches are known, and clouds whose dimension is."""

import torch


def branching(records=120, neurons=30, fan_in=40, noise=1e-3, seed=0):
    """All neurons move as one; from record 40 on two thirds and one third part, from 80 on the two thirds in halves.

    Returns vectors and steps (ten a record). A tree with three ends and a root.
    """
    t = torch.arange(float(records))
    ways = torch.zeros(records, 3, 4)
    ways[:, :, 0] = t.clamp(max=40)[:, None]
    ways[:, :2, 1] = (t - 40).clamp(0, 40)[:, None]
    ways[:, 2, 2] = (t - 40).clamp(0)
    ways[:, 0, 3] = (t - 80).clamp(0)
    ways[:, 1, 2] = -(t - 80).clamp(0)
    return _neurons(ways / 40, neurons, fan_in, noise, seed), 10 * torch.arange(records)


def meeting(records=120, neurons=20, fan_in=40, noise=1e-3, seed=0):
    """Two groups part at record 30 and meet again at record 90: one cycle."""
    t = torch.linspace(0, 4, records)
    ways = torch.zeros(records, 2, 4)
    ways[:, :, 0] = t[:, None]
    apart = torch.where((t > 1) & (t < 3), torch.sin((t - 1) * torch.pi / 2), 0)
    ways[:, 0, 1], ways[:, 1, 1] = apart, -apart
    return _neurons(ways, neurons, fan_in, noise, seed), torch.arange(records)


def bundle(records, neurons=40, fan_in=40, noise=1e-3, seed=0):
    """All neurons move as one, part in halves after a third of the training, and in quarters after two.

    A tree with four ends and a root, on the same paths however often it is recorded.
    """
    t = torch.linspace(0, 3, records)
    ways = torch.zeros(records, 4, 4)
    ways[:, :, 0] = t.clamp(max=1)[:, None]
    first, second = (t - 1).clamp(0, 1), (t - 2).clamp(0)
    for end, (half, quarter) in enumerate([(1, 1), (1, -1), (-1, 1), (-1, -1)]):
        ways[:, end, 1] = half * first
        ways[:, end, 2 if half > 0 else 3] = quarter * second
    return _neurons(ways, neurons, fan_in, noise, seed), torch.arange(records)


def sheet(records=40, neurons=40, fan_in=30, seed=0):
    """A half cylinder: along it the steps, around it the neurons, of length 3 by 2."""
    along = torch.linspace(0, 2, records)[:, None].expand(-1, neurons)
    around = torch.linspace(0, 3, neurons)[None].expand(records, -1)
    return torch.stack([around.cos(), around.sin(), along], -1) @ rotation(3, fan_in, seed)


def rotation(dimension, fan_in, seed=0):
    """Orthonormal rows, (dimension, fan_in)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(fan_in, dimension, generator=generator))[0].T


def _neurons(ways, neurons, fan_in, noise, seed):
    generator = torch.Generator().manual_seed(seed)
    each = ways.repeat_interleave(neurons // ways.shape[1], dim=1) @ rotation(ways.shape[-1], fan_in, seed)
    return each + noise * torch.randn(1, each.shape[1], fan_in, generator=generator)
