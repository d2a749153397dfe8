"""The monitor's arguments: what each may be, and what it stands for."""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

from lightning_infogeo.archive import Archive, ArchiveError, Folder
from lightning_infogeo.archive.settings import ArchiveSettings
from lightning_infogeo.byte_sizes import bytes_in
from lightning_infogeo.distributions import Bernoulli, Categorical, Distribution, Tokens
from lightning_infogeo.embedding.settings import EmbeddingSettings
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.markers import (
    Event,
    LateGeneralisation,
    LogLogKnee,
    Marker,
    MemorisationOnset,
    OverfittingOnset,
    VelocityChange,
)
from lightning_infogeo.parameters import ParameterDensity
from lightning_infogeo.probe import Probe, same_labels
from lightning_infogeo.quantities import PROBE_QUANTITIES, logged_by_default, names
from lightning_infogeo.schedules import EveryNSteps, LogSpaced, Schedule, is_int
from lightning_infogeo.tab import TabSettings
from lightning_infogeo.topology import NeuronSettings


class Arguments(NamedTuple):
    """The arguments of a monitor, checked, each as the object that it stands for; the monitor documents them.

    Attributes:
        distribution: what the model's outputs mean.
        embedding: how trajectories are kept and drawn; None for not at all, as for the next three.
        density: how the weights are followed.
        archive: what is archived, and where.
        neurons: which neurons are followed.
        references: paths of archives of finished runs.
        memory: bytes on the device.
        stop_after: share by which a training goes on from an overfitting flag before it is ended; None for to its end.
        flag_size: samples of a held-out probe and further ones together; None for as many as cost little.
        budget: the most that probes may take of the training's forwards; None for no ceiling, or a schedule given.
        quantities: of probes, that loggers get, in the order in which they are shown.
        tab: what TensorBoard's tab gets; None for nothing.
        afforded: what ``budget`` has made of schedule and size; None where it has left them.
    """

    probes: Any
    probe_size: int
    schedule: Schedule
    lag: int
    distribution: Distribution
    logits_fn: Callable[..., Any] | None
    markers: tuple[Marker, ...]
    embedding: EmbeddingSettings | None
    density: ParameterDensity | None
    archive: ArchiveSettings | None
    neurons: NeuronSettings | None
    references: tuple[str, ...]
    precision: Literal["full", "training"]
    memory: int
    distributed: str
    flag_size: int | None
    budget: float | None
    quantities: tuple[str, ...]
    tab: TabSettings | None
    split: Callable[..., Any] | None
    on_event: Callable[[Event], object] | None
    stop_after: float | None
    cuda_graph: bool
    strict: bool
    prefix: str
    afforded: Mapping[str, int] | None = None

    @classmethod
    def of(cls, monitor: Any) -> Arguments:
        """Returns those of a monitor.

        Raises:
            ConfigurationError: for an argument that is impossible whatever the training.
        """
        check_probes(monitor.probes)
        size, lag, prefix = monitor.probe_size, monitor.lag, monitor.prefix
        check(is_int(size) and size > 0, "probe_size", size, "must be a positive int")
        check(is_int(lag) and lag >= 0, "lag", lag, "must be a non-negative int, such as lag=1")
        distribution = as_distribution(monitor.output)
        for argument in ("logits_fn", "split", "on_event"):
            function = getattr(monitor, argument)
            check(function is None or callable(function), argument, function, "must be a function or None")
        for argument, kind in (
            ("embedding", EmbeddingSettings),
            ("parameters", ParameterDensity),
            ("tab", TabSettings),
        ):
            value = getattr(monitor, argument)
            check(isinstance(value, (bool, kind)), argument, value, f"must be True, False or {kind.__name__}(...)")
        for argument, choices in (("precision", ("full", "training")), ("on_overfitting", ("flag", "stop"))):
            value = getattr(monitor, argument)
            check(value in choices, argument, value, f'must be "{choices[0]}" or "{choices[1]}"')
        after = monitor.stop_after
        right = isinstance(after, (int, float)) and not isinstance(after, bool) and 0 <= after < math.inf
        check(
            right, "stop_after", after, "must be a non-negative number, such as 0.25 for a quarter of the steps so far"
        )
        check_distributed(monitor)
        memory = bytes_of(monitor.memory)
        check(isinstance(monitor.strict, bool), "strict", monitor.strict, "must be True or False")
        check(isinstance(monitor.cuda_graph, bool), "cuda_graph", monitor.cuda_graph, "must be True or False")
        check(isinstance(prefix, str) and prefix != "", "prefix", prefix, "must be a non-empty string")
        return cls(
            probes=monitor.probes,
            probe_size=size,
            schedule=as_schedule(monitor.schedule),
            lag=lag,
            distribution=distribution,
            logits_fn=monitor.logits_fn,
            markers=as_markers(monitor.markers),
            embedding=EmbeddingSettings() if monitor.embedding is True else monitor.embedding or None,
            density=ParameterDensity() if monitor.parameters is True else monitor.parameters or None,
            archive=as_archive(monitor.archive),
            neurons=as_neurons(monitor.neurons),
            references=as_paths(monitor.reference),
            precision=monitor.precision,
            memory=memory,
            distributed=monitor.distributed,
            flag_size=as_flag_size(monitor.flag_size),
            budget=as_budget(monitor.budget, monitor.schedule),
            quantities=as_quantities(monitor.quantities),
            tab=TabSettings() if monitor.tab is True else monitor.tab or None,
            split=monitor.split,
            on_event=monitor.on_event,
            stop_after=float(after) if monitor.on_overfitting == "stop" else None,
            cuda_graph=monitor.cuda_graph,
            strict=monitor.strict,
            prefix=prefix,
        )

    @property
    def max_records(self) -> int:
        """Records kept for the embedding; 0 for none."""
        return 0 if self.embedding is None else self.embedding.max_records


def as_distribution(output: Any) -> Distribution:
    """Returns the distribution that the argument stands for, or raises ``ConfigurationError``."""
    if isinstance(output, Distribution):
        return output
    named = {kind.name: kind for kind in (Categorical, Bernoulli, Tokens)}
    remedy = f"must be one of {', '.join(map(repr, named))}, or a distribution such as Categorical(ignore_index=255)"
    check(isinstance(output, str) and output in named, "output", output, remedy)
    made: Distribution = named[output]()
    return made


def as_markers(markers: Any) -> tuple[Marker, ...]:
    """Returns the markers that the argument stands for, or raises ``ConfigurationError``."""
    if isinstance(markers, str) and markers == "default":
        return OverfittingOnset(), MemorisationOnset(), LateGeneralisation(), LogLogKnee(), VelocityChange()
    listed = isinstance(markers, Iterable) and not isinstance(markers, (str, Mapping))
    check(listed, "markers", markers, 'must be "default", or a list of markers such as [OverfittingOnset(alpha=0.05)]')
    listed_markers = tuple(markers)
    for marker in listed_markers:
        remedy = f"{marker!r} is no marker: give an instance of a class that derives from lightning_infogeo.Marker"
        check(isinstance(marker, Marker), "markers", markers, remedy)
        for attribute in ("name", "observes"):
            remedy = f"{marker!r} lacks `{attribute}`, which a marker has to say; see lightning_infogeo.Marker"
            check(hasattr(marker, attribute), "markers", markers, remedy)
        right = marker.scope == "record" or (marker.scope == "samples" and marker.observes == ("distance_to_truth",))
        remedy = 'scope must be "record", or "samples" with observes = ("distance_to_truth",)'
        check(right, "markers", markers, f"{marker!r}: {remedy}")
    told = [name for marker in listed_markers for name in marker.event_names]
    check(len(set(told)) == len(told), "markers", markers, f"must be of different names, and say {told}")
    return listed_markers


def as_archive(archive: Any) -> ArchiveSettings | None:
    """Returns the settings that the argument stands for, None to write nothing.

    Raises:
        ConfigurationError: for anything else, and where zarr is not installed.
    """
    if archive is None or archive is False:
        return None
    remedy = 'must be None, "auto", a path or URL, or ArchiveSettings(...)'
    check(isinstance(archive, (str, os.PathLike, ArchiveSettings)), "archive", archive, remedy)
    settings = archive if isinstance(archive, ArchiveSettings) else ArchiveSettings(archive)
    try:
        Folder("." if settings.path == "auto" else settings.path)
    except (ModuleNotFoundError, ArchiveError) as error:
        raise ConfigurationError(f"`InfoGeometryMonitor(archive={archive!r})`: {error}") from error
    return settings


def as_paths(reference: Any) -> tuple[str, ...]:
    """Returns the archives that the argument stands for.

    Raises:
        ConfigurationError: for anything but paths or URLs, and where there is nothing.
    """
    single = isinstance(reference, (str, os.PathLike))
    listed = isinstance(reference, (list, tuple)) and all(isinstance(path, (str, os.PathLike)) for path in reference)
    remedy = "must be None, or the path or URL of a finished run's archive, or a list of these"
    check(reference is None or single or (listed and len(reference) > 0), "reference", reference, remedy)
    paths = () if reference is None else (reference,) if single else tuple(reference)
    for path in paths:
        try:
            Archive(path)
        except (ModuleNotFoundError, ArchiveError) as error:
            raise ConfigurationError(f"`InfoGeometryMonitor(reference={str(path)!r})`: {error}") from error
    return tuple(os.fspath(path) for path in paths)


def as_neurons(neurons: Any) -> NeuronSettings | None:
    """Returns the settings that the argument stands for, None to follow none.

    Raises:
        ConfigurationError: for anything else, and where what draws them is not installed.
    """
    if neurons is False or neurons is None:
        return None
    listed = isinstance(neurons, (list, tuple)) and bool(neurons) and all(isinstance(name, str) for name in neurons)
    right = neurons is True or listed or isinstance(neurons, NeuronSettings)
    check(right, "neurons", neurons, "must be True, False, names of layers, or NeuronSettings(...)")
    for library in ("kmapper", "sklearn", "networkx"):
        if importlib.util.find_spec(library) is None:
            raise ConfigurationError(
                f"`InfoGeometryMonitor(neurons={neurons!r})`: needs {library}: "
                "pip install 'lightning-infogeo[topology]'"
            )
    return neurons if isinstance(neurons, NeuronSettings) else NeuronSettings(neurons)


def check_probes(probes: Any) -> None:
    """Raises ``ConfigurationError`` unless ``probes`` are "auto", samples, or samples by usable names."""
    samples = probes is not None and (not isinstance(probes, str) or probes == "auto")
    check(samples, "probes", probes, 'must be "auto", a Probe, a Dataset, a DataLoader, or a dict of these by name')
    if isinstance(probes, Mapping):
        named = bool(probes) and all(isinstance(name, str) and name and "/" not in name for name in probes)
        check(named, "probes", dict(probes), "must name at least one probe, by strings without '/'")


def as_schedule(schedule: Any) -> Schedule:
    """Returns the schedule that the argument stands for, or raises ``ConfigurationError``."""
    if isinstance(schedule, str) and schedule == "log":
        return LogSpaced()
    if isinstance(schedule, Schedule):
        return schedule
    remedy = 'must be "log", a positive int for every n optimizer steps, or a Schedule such as EveryNEpochs(1)'
    check(is_int(schedule) and schedule > 0, "schedule", schedule, remedy)
    return EveryNSteps(int(schedule))


def bytes_of(memory: Any) -> int:
    """Returns the bytes that the argument stands for, or raises ``ConfigurationError``."""
    size = bytes_in(memory)
    if size is None:
        raise ConfigurationError(
            f'`InfoGeometryMonitor(memory={memory!r})`: must be a positive number of bytes, such as "256MB" or 10**8.'
        )
    return size


def as_flag_size(size: Any) -> int | None:
    """Returns the number that the argument stands for, None for as many samples as cost little.

    Raises:
        ConfigurationError: for anything but "auto" or a positive int.
    """
    if isinstance(size, str) and size == "auto":
        return None
    check(is_int(size) and size > 0, "flag_size", size, 'must be "auto" or a positive int, such as flag_size=2000')
    return int(size)


def as_budget(budget: Any, schedule: Any) -> float | None:
    """Returns the share that the argument stands for, None for no ceiling, as beside a schedule of the user's own.

    Raises:
        ConfigurationError: for anything but None or a positive number.
    """
    if budget is None:
        return None
    right = isinstance(budget, (int, float)) and not isinstance(budget, bool) and 0 < budget < math.inf
    check(right, "budget", budget, "must be None or a positive number, such as 0.25 for a quarter of the training's")
    return float(budget) if isinstance(schedule, str) else None


def as_quantities(quantities: Any) -> tuple[str, ...]:
    """Returns the names that the argument stands for.

    Raises:
        ConfigurationError: for anything but "default", "all" or names of quantities.

    Example:
        >>> as_quantities(["entropy"])
        ('entropy',)
    """
    known = names(PROBE_QUANTITIES)
    if isinstance(quantities, str) and quantities in ("default", "all"):
        return known if quantities == "all" else logged_by_default()
    remedy = f'must be "default", "all", or names among {", ".join(known)}'
    listed = isinstance(quantities, (list, tuple)) and all(name in known for name in quantities)
    check(listed, "quantities", quantities, remedy)
    return tuple(dict.fromkeys(quantities))


def check_distributed(monitor: Any) -> None:
    """Raises ``ConfigurationError`` where the processes are to share what only one of them can do."""
    choices = ("auto", "rank_zero", "shard")
    check(monitor.distributed in choices, "distributed", monitor.distributed, 'must be "auto", "rank_zero" or "shard"')
    if monitor.distributed != "shard":
        return
    joint = isinstance(monitor.embedding, EmbeddingSettings) and monitor.embedding.joint
    for given, argument in ((monitor.archive, "archive"), (monitor.reference, "reference"), (joint, "embedding")):
        if given:
            what = "EmbeddingSettings(joint=...)" if joint is given else f"{argument}="
            raise ConfigurationError(
                f'`InfoGeometryMonitor(distributed="shard", {argument}={getattr(monitor, argument)!r})`: no process '
                f'has all samples of a probe then, and {what} needs them; use distributed="rank_zero", or leave it out.'
            )


def check_drawn(settings: EmbeddingSettings | None, probes: Mapping[str, Probe]) -> None:
    """Raises ``ConfigurationError`` where a probe to be drawn is not there, or those drawn together cannot be."""
    given = {} if settings is None else {"probes": settings.probes, "joint": settings.joint}
    for argument, drawn in given.items():
        for name in drawn:
            if name not in probes:
                raise ConfigurationError(
                    f"`EmbeddingSettings({argument}={drawn})`: there is no probe {name!r}; there are {sorted(probes)}."
                )
    together = given.get("joint", ())
    joined = [probes[name] for name in together]
    if any(len(probe) != len(joined[0]) or not same_labels(probe.labels, joined[0].labels) for probe in joined):
        raise ConfigurationError(
            f"`EmbeddingSettings(joint={together})`: the probes differ in size or labels, so they do not hold the same "
            "samples and have no distances to each other; leave joint=() to draw them side by side."
        )


def check(right: bool, argument: str, value: object, remedy: str) -> None:
    """Raises ``ConfigurationError`` with value and remedy unless ``right``."""
    if not right:
        raise ConfigurationError(f"`InfoGeometryMonitor({argument}={value!r})`: {remedy}.")
