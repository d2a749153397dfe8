"""Linear training the slow way: torch's own optimizer on many initialisations, and 50-digit sums of the closed form."""

import mpmath
import torch

mpmath.mp.dps = 60


def decaying(c, modes):
    return torch.exp(-c * torch.arange(modes, dtype=torch.float64))


def exact_starts(modes, sigma, outputs=1):
    """Initial weights with mean 0 and covariance exactly σ², shape (2·modes·outputs, modes, outputs)."""
    n = modes * outputs
    one = sigma * n**0.5 * torch.eye(n, dtype=torch.float64).reshape(n, modes, outputs)
    return torch.cat([one, -one])


def simulated(lam, target, starts, lr, records, weight_decay=0.0, momentum=0.0, noise=0.0, seed=0):
    """Predictions ÷ √N in the eigenbasis at each record, shape (records, runs, modes, outputs), by torch.optim.SGD."""
    generator = torch.Generator().manual_seed(seed)
    w = starts.clone().requires_grad_()
    optimizer = torch.optim.SGD([w], lr=lr, momentum=momentum, weight_decay=weight_decay)
    wanted, found = set(records), {}
    for step in range(max(records) + 1):
        if step in wanted:
            found[step] = lam.sqrt()[:, None] * w.detach()
        w.grad = lam[:, None] * (w.detach() - target)
        if noise is not None and torch.as_tensor(noise).any():
            kick = torch.randn(w.shape, generator=generator, dtype=torch.float64)
            w.grad += torch.as_tensor(noise).reshape(-1, 1).sqrt() * kick
        optimizer.step()
    return torch.stack([found[step] for step in records])


def covariance(predictions):
    """Over records and runs, shape (modes·outputs, modes·outputs)."""
    rows = predictions.flatten(0, 1).flatten(1)
    rows = rows - rows.mean(0)
    return rows.mT @ rows / len(rows)


def closed_form(lam, target, sigma, lr, steps, noise=None):
    """C_ij of definitions, digit by digit."""
    rho = [1 - mpmath.mpf(lr) * mpmath.mpf(float(v)) for v in lam]
    w = [mpmath.mpf(float(v)) for v in target]

    def mean_power(r):
        return (1 - r**steps) / (steps * (1 - r)) if r != 1 else mpmath.mpf(1)

    table = torch.zeros(len(rho), len(rho), dtype=torch.float64)
    for i in range(len(rho)):
        for j in range(len(rho)):
            spread = mean_power(rho[i] * rho[j]) - mean_power(rho[i]) * mean_power(rho[j])
            value = w[i] * w[j] * spread
            if i == j:
                kept = mean_power(rho[i] ** 2)
                value += mpmath.mpf(sigma) ** 2 * kept
                if noise is not None and rho[i] != 1:
                    value += mpmath.mpf(lr) ** 2 * mpmath.mpf(noise) * (1 - kept) / (1 - rho[i] ** 2)
            table[i, j] = float(mpmath.sqrt(mpmath.mpf(float(lam[i])) * mpmath.mpf(float(lam[j]))) * value)
    return table
