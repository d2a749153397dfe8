"""The model on its probes: these chosen and placed, that tried, in every process that is to call it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning_infogeo.lightnings as pl
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.monitor.arguments import Arguments, check_drawn
from lightning_infogeo.monitor.device.captured import cuda_graph
from lightning_infogeo.monitor.device.model_outputs import SHARE, ModelOutputs
from lightning_infogeo.monitor.device.recorder import Recorder
from lightning_infogeo.monitor.distributed.collectives import all_decide, first_process_decides
from lightning_infogeo.monitor.distributed.probe_shards import WHOLE, Shard
from lightning_infogeo.monitor.further_size import further_size
from lightning_infogeo.monitor.host.neuron_log import NeuronLog
from lightning_infogeo.monitor.prepared import Agreed, Prepared
from lightning_infogeo.monitor.resume import check_still_followed
from lightning_infogeo.probe import (
    Chosen,
    Evaluator,
    Further,
    Inputs,
    discover,
    place_all,
    place_further,
    training_batch_size,
)
from lightning_infogeo.reference import References
from lightning_infogeo.schedules import Clock, foreseen
from lightning_infogeo.trainer.strategies import agreement, in_parts
from lightning_infogeo.trajectory import Trajectory
from lightning_infogeo.trajectory.series import group_of

_CHUNK = 256
"""Samples in a call where the training's batch size is not known."""

_LARGER = 4
"""So many training batches are evaluated at once: without gradients, that takes less memory than to train on one."""

_WHOLE, _WHOLE_BYTES = 16, 2**23
"""A probe is evaluated whole where it is at most so many training batches, and inputs and outputs so many bytes."""

HOST = 2
"""Inputs of probes take at most so many times ``memory`` on the host."""


def prepare(
    arguments: Arguments,
    trainer: pl.Trainer,
    module: pl.LightningModule,
    state: Mapping[str, Any],
    recorded: Mapping[str, Trajectory],
    followed: dict[str, Chosen] | None,
    clock: Clock,
) -> Prepared:
    """Gets ready to record a fit; to be called in all processes.

    Args:
        arguments: of the monitor.
        trainer: of the fit.
        module: the model.
        state: to go on from, as of a session; empty to begin.
        recorded: what was recorded so far, by name.
        followed: the probes of the training's first fit, which a further one goes on with; None in a first fit.
        clock: before the first step.

    Raises:
        ConfigurationError: in all processes, where one of them cannot follow the model.
    """
    shard, parts = shard_of(arguments, trainer), in_parts(trainer)
    all_call = parts or shard is not WHOLE
    decide = all_decide if all_call else first_process_decides
    saved: Mapping[str, Any] = state.get("recorder", {})
    references = References()
    chosen: dict[str, Chosen] | None = None
    inputs: dict[str, Inputs] = {}
    further: dict[str, Inputs] = {}
    outputs: ModelOutputs | None = None
    recorder: Recorder | None = None
    neurons = NeuronLog(state.get("neurons", {}))

    def choose() -> dict[str, Chosen]:
        nonlocal references
        wanted = None if followed is not None or shard is not WHOLE else further_size(arguments, trainer, saved, clock)
        discovered, references = _chosen(arguments, trainer, wanted)
        if followed is not None:
            check_still_followed(followed, discovered)
            return followed
        # In the order in which they were followed so far: what is trained on is the first of its kind.
        known = [name for name in recorded if name in discovered]
        return {name: discovered[name] for name in [*known, *discovered]}

    def place() -> None:
        nonlocal chosen, inputs, further
        chosen = choose() if chosen is None else chosen
        inputs = place_all(chosen, trainer, module, (arguments.memory - references.nbytes) // SHARE)
        further = place_further(chosen, trainer, module) if shard is WHOLE else {}
        check_drawn(arguments.embedding, {name: each.probe for name, each in chosen.items()})

    def call() -> Agreed | None:
        nonlocal outputs, recorder, neurons
        assert chosen is not None
        least = -(-(batch or _CHUNK) // 2)
        evaluator = Evaluator(arguments.logits_fn, arguments.precision, chunk, arguments.distribution, agree, least)
        memory = arguments.memory - references.nbytes
        given = evaluator, trainer, module, arguments.max_records, memory, shard, further
        outputs = ModelOutputs(chosen, inputs, *given)
        untried = "chunk" not in saved and evaluator.chunk == chunk  # not smaller since memory ran out
        if batch is not None and untried and outputs.nbytes <= _WHOLE_BYTES:
            evaluator.chunk = max(evaluator.chunk, _WHOLE * batch)
        if parts and not trainer.is_global_zero:
            return None
        recorder = new_recorder(arguments, outputs, module, saved, recorded, references)
        if trainer.is_global_zero and arguments.neurons is not None:
            expected = foreseen(arguments.schedule, clock)
            neurons = NeuronLog.start(arguments.neurons, module, expected, state.get("neurons", {}))
        beside = outputs.further.fingerprints
        return Agreed(recorder.precision, recorder.dtype, recorder.layout, recorder.watched, beside)

    batch = training_batch_size(trainer.train_dataloader)
    chunk: int = saved.get("chunk") or (_CHUNK if batch is None else _LARGER * batch)
    if all_call:
        # Every process has a loader of its own: the samples are those that the first one would follow.
        chosen = first_process_decides(trainer, choose)
        batch, chunk = first_process_decides(trainer, lambda: (batch, chunk))
    agree = agreement(trainer)
    decide(trainer, place)
    agreed = Agreed(*decide(trainer, call))
    return Prepared(agreed, outputs, recorder, neurons)


def new_recorder(
    arguments: Arguments,
    outputs: ModelOutputs,
    module: pl.LightningModule,
    state: Mapping[str, Any],
    recorded: Mapping[str, Trajectory],
    references: References,
) -> Recorder:
    """Returns a recorder that goes on from a state, or begins; other arguments as for ``prepare``."""
    recorder = Recorder(
        outputs,
        module,
        state,
        chord=arguments.lag == 0,
        markers=arguments.markers,
        density=arguments.density,
        groups=[group_of(name) for name, trajectory in recorded.items() if trajectory.kind != "probe"],
        references=references,
    )
    if arguments.cuda_graph and (module.device.type != "cuda" or not recorder.capture(cuda_graph)):
        rank_zero_warn(
            "`InfoGeometryMonitor(cuda_graph=True)`: needs CUDA and a process that has all samples and exact logits, "
            "without reference=, parameters=, and markers of samples that take no stacks; goes on without."
        )
    return recorder


def shard_of(arguments: Arguments, trainer: pl.Trainer) -> Shard:
    """Returns the part of this process in every probe."""
    shared = arguments.distributed == "shard" and trainer.world_size > 1
    return Shard(trainer.global_rank, trainer.world_size) if shared else WHOLE


def _chosen(arguments: Arguments, trainer: pl.Trainer, further: Further | None) -> tuple[dict[str, Chosen], References]:
    """Returns probes for this training, and the finished runs that hold them."""
    chosen: dict[str, Chosen] = {}
    if arguments.probes != "auto" or not arguments.references:
        memory = HOST * arguments.memory
        chosen = discover(arguments.probes, trainer, arguments.probe_size, memory, arguments.split, further)
    if not arguments.references:
        return chosen, References()
    given = {name: each.probe for name, each in chosen.items()}
    references, probes = References.open(arguments.references, given or None)
    return {**discover(probes, trainer, arguments.probe_size), **chosen}, references
