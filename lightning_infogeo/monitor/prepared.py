"""What a session records with, and what all processes know of it."""

from __future__ import annotations

from typing import NamedTuple

import torch

from lightning_infogeo.monitor.device.model_outputs import ModelOutputs
from lightning_infogeo.monitor.device.recorder import Recorder
from lightning_infogeo.monitor.host.neuron_log import NeuronLog
from lightning_infogeo.monitor.record_layout import RecordLayout


class Agreed(NamedTuple):
    """What all processes know of the records to come.

    Attributes:
        precision: of the model's outputs on the probes.
        dtype: of the vector of a record.
        layout: of this vector.
        sizes: the samples that markers of samples see on each probe.
        further: which of these are beside the samples of each probe that has such, as ``fingerprints`` tells.
    """

    precision: str
    dtype: torch.dtype
    layout: RecordLayout
    sizes: dict[str, int]
    further: dict[str, str]


class Prepared(NamedTuple):
    """What this process records with.

    Attributes:
        agreed: what all processes know of the records to come.
        outputs: of the model on the probes; None in a process that does not call it.
        recorder: makes the records; None in a process that only gets them.
        neurons: followed; in the first process.
    """

    agreed: Agreed
    outputs: ModelOutputs | None
    recorder: Recorder | None
    neurons: NeuronLog
