"""The callback and its parts: when to record, what to record with, and what several processes agree on."""

from lightning_infogeo.monitor.callback import InfoGeometryMonitor as InfoGeometryMonitor
