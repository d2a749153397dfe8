"""Monitors that write archives, and archives that have to be the same."""

import torch

from lightning_infogeo import InfoGeometryMonitor, Probe
from lightning_infogeo.archive import Archive
from tests.helpers.classifiers import IMAGES, LABELS


def probe(size=30):
    return Probe(IMAGES[500 : 500 + size], LABELS[500 : 500 + size])


def monitor(archive="auto", **options):
    return InfoGeometryMonitor(**{"probes": {"val": probe()}, "schedule": 2, "archive": archive, **options})


def same_archives(a, b):
    assert Archive(a).names == Archive(b).names
    assert Archive(a).names
    for name in Archive(a).names:
        left, right = Archive(a)[name], Archive(b)[name]
        assert left.steps.tolist() == right.steps.tolist()
        torch.testing.assert_close(left.quantities, right.quantities, rtol=0, atol=0, equal_nan=True)
        if name in Archive(a).probes:
            torch.testing.assert_close(left.amplitudes[:], right.amplitudes[:], rtol=0, atol=0)
    assert Archive(a).events == Archive(b).events
