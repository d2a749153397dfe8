"""Checks of the monitor's arguments: by themselves, and against a trajectory to go on with."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor

from lightning_infogeo.archive import Archive, ArchiveError, Folder
from lightning_infogeo.distributions import Bernoulli, Categorical, Distribution, Tokens
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.markers import (
    LateGeneralisation,
    LogLogKnee,
    MemorisationOnset,
    OverfittingOnset,
    VelocityChange,
)
from lightning_infogeo.monitor.settings import ArchiveSettings, EmbeddingSettings, bytes_of
from lightning_infogeo.parameters import ParameterDensity
from lightning_infogeo.probe import Chosen, ConfigurationError, Probe, same_labels
from lightning_infogeo.schedules import EveryNSteps, LogSpaced, Schedule, is_int
from lightning_infogeo.topology import NeuronSettings
from lightning_infogeo.trajectory import Trajectory


def check_all(monitor: Any) -> None:
    """Raises ``ConfigurationError`` for an argument of a monitor that is impossible whatever the training."""
    check_probes(monitor.probes)
    size, lag, prefix = monitor.probe_size, monitor.lag, monitor.prefix
    check(is_int(size) and size > 0, "probe_size", size, "must be a positive int")
    check(is_int(lag) and lag >= 0, "lag", lag, "must be a non-negative int, such as lag=1")
    as_distribution(monitor.output)
    for argument in ("logits_fn", "split", "on_event"):
        function = getattr(monitor, argument)
        check(function is None or callable(function), argument, function, "must be a function or None")
    drawn = isinstance(monitor.embedding, (bool, EmbeddingSettings))
    check(drawn, "embedding", monitor.embedding, "must be True, False or EmbeddingSettings(...)")
    followed = isinstance(monitor.parameters, (bool, ParameterDensity))
    check(followed, "parameters", monitor.parameters, "must be True, False or ParameterDensity(...)")
    for argument, choices in (("precision", ("full", "training")), ("on_overfitting", ("flag", "stop"))):
        value = getattr(monitor, argument)
        check(value in choices, argument, value, f'must be "{choices[0]}" or "{choices[1]}"')
    check_distributed(monitor)
    bytes_of(monitor.memory)
    check(isinstance(monitor.strict, bool), "strict", monitor.strict, "must be True or False")
    check(isinstance(prefix, str) and prefix != "", "prefix", prefix, "must be a non-empty string")


def as_distribution(output: Any) -> Distribution:
    """Returns the distribution that the argument stands for, or raises ``ConfigurationError``."""
    if isinstance(output, Distribution):
        return output
    named = {kind.name: kind for kind in (Categorical, Bernoulli, Tokens)}
    remedy = f"must be one of {', '.join(map(repr, named))}, or a distribution such as Categorical(ignore_index=255)"
    check(isinstance(output, str) and output in named, "output", output, remedy)
    made: Distribution = named[output]()
    return made


def as_markers(markers: Any) -> tuple[Any, ...]:
    """Returns the markers that the argument stands for, or raises ``ConfigurationError``."""
    if isinstance(markers, str) and markers == "default":
        return OverfittingOnset(), MemorisationOnset(), LateGeneralisation(), LogLogKnee(), VelocityChange()
    listed = isinstance(markers, Iterable) and not isinstance(markers, (str, Mapping))
    found = tuple(markers) if listed else ()
    remedy = 'must be "default", or a list of markers such as [OverfittingOnset(alpha=0.05)], each of another name'
    parts = ("name", "observes", "start", "extend", "message")
    fit = all(all(hasattr(m, part) for part in parts) and not isinstance(m, type) for m in found)
    check(listed and fit and len({m.name for m in found}) == len(found), "markers", markers, remedy)
    return found


def as_settings(embedding: bool | EmbeddingSettings) -> EmbeddingSettings | None:
    """Returns the settings that the argument stands for, None to draw nothing."""
    return EmbeddingSettings() if embedding is True else embedding or None


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


def as_density(parameters: bool | ParameterDensity) -> ParameterDensity | None:
    """Returns the settings that the argument stands for, None to follow no weights."""
    return ParameterDensity() if parameters is True else parameters or None


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


def check_continues(recorded: Trajectory, made: Trajectory) -> None:
    """Raises ``ConfigurationError`` unless a trajectory can go on as it was begun; warns of another schedule."""
    for argument in ("lag", "precision"):
        before, now = getattr(recorded, argument), getattr(made, argument)
        remedy = f"the trajectory to go on with was recorded with {argument}={before!r}; resume with the same"
        check(before == now, argument, now, remedy)
    before, now = recorded.quantities, made.quantities
    remedy = f"the trajectory to go on with holds {before}, this one would hold {now}; resume with the same reference"
    check(before == now, "reference", "…", remedy)
    if recorded.schedule != made.schedule:
        rank_zero_warn(
            f"`InfoGeometryMonitor(schedule={made.schedule})`: goes on with a trajectory recorded on "
            f"{recorded.schedule}; information length depends on the schedule, so the parts do not compare."
        )


def check_same_training(recorded: int, step: int) -> None:
    """Raises ``ConfigurationError`` where a training at ``step`` is not the one recorded so far."""
    if recorded > step:
        raise ConfigurationError(
            f"`InfoGeometryMonitor`: has recorded up to step {recorded}, but this training is at step {step}; use a "
            "new InfoGeometryMonitor for a new training."
        )


def refuse_other_training(recorded: int, step: int) -> None:
    """Raises ``ConfigurationError``, where nothing shows that the training to go on with is the one recorded."""
    raise ConfigurationError(
        f"`InfoGeometryMonitor`: has recorded a training up to step {recorded}, and nothing shows that this one, at "
        f"step {step}, continues it: it is of another module or trainer, or goes on from a checkpoint without this "
        "monitor's state. Use a new InfoGeometryMonitor, whose path begins here, or resume with Trainer.fit("
        "ckpt_path=...) from a checkpoint made with this monitor."
    )


def check_still_followed(followed: Mapping[str, Chosen], found: Mapping[str, Chosen]) -> None:
    """Warns where a further fit of a training brings other data than the probes that it goes on to follow."""
    wanted = {name: chosen for name, chosen in found.items() if name in followed or not chosen.optional}
    changed = [name for name, chosen in wanted.items() if name not in followed or not _alike(chosen, followed[name])]
    if changed:
        rank_zero_warn(
            f"`InfoGeometryMonitor(probes=...)`: this fit's data would give other samples for probe "
            f"{', '.join(map(repr, changed))} than the training's first fit; the samples of the first are followed on "
            f"({', '.join(followed)}). Follow others by a new InfoGeometryMonitor."
        )


def check_same_probes(saved: Mapping[str, Any], chosen: Mapping[str, Chosen]) -> None:
    """Raises ``ConfigurationError`` unless the probes of a checkpoint are the ones there are."""
    for name in sorted({*saved, *chosen}):
        if name not in saved or name not in chosen or not _same(saved[name], chosen[name]):
            raise ConfigurationError(
                f"`InfoGeometryMonitor(probes=...)`: probe {name!r} is not the one in the checkpoint (there: "
                f"{_described(saved.get(name))}; here: {chosen[name].probe if name in chosen else 'none'}), so its "
                "trajectory cannot go on. Resume with the same data, or follow a fixed probes=Probe(inputs, labels) "
                "from the start."
            )


def check_same_output(saved: str | None, distribution: Distribution) -> None:
    """Raises ``ConfigurationError`` unless outputs mean what they did in a checkpoint (None where it does not say)."""
    remedy = f"the trajectory to go on with was recorded with output={saved}; resume with the same"
    check(saved in (None, repr(distribution)), "output", distribution, remedy)


def check_follows(recorded: Iterable[str], names: Mapping[str, Any]) -> None:
    """Raises ``ConfigurationError`` where something recorded so far is not followed any more."""
    lost = [name for name in recorded if name not in names]
    check(not lost, "parameters", False, f"the checkpoint follows {lost}; resume with the same settings")


def check_shape(name: str, kept: Tensor, shape: tuple[int, ...]) -> None:
    """Raises ``ConfigurationError`` unless what is kept of a probe has the shape of what there is now."""
    if kept.shape != shape:
        raise ConfigurationError(
            f"`InfoGeometryMonitor`: probe {name!r} has logits of shape {shape}, its trajectory so far of shape "
            f"{tuple(kept.shape)}; follow another model with a new monitor (and resume with the same memory)."
        )


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


def check_joint(names: Sequence[str], probes: Mapping[str, Probe]) -> None:
    """Raises ``ConfigurationError`` unless these probes exist and hold as many samples with the same labels."""
    argument = f"`EmbeddingSettings(joint={tuple(names)})`"
    unknown = [name for name in names if name not in probes]
    if unknown:
        raise ConfigurationError(f"{argument}: there is no probe {unknown[0]!r}; there are {sorted(probes)}.")
    joined = [probes[name] for name in names]
    if any(len(probe) != len(joined[0]) or not same_labels(probe.labels, joined[0].labels) for probe in joined):
        raise ConfigurationError(
            f"{argument}: the probes differ in size or labels, so they do not hold the same samples and have no "
            "distances to each other; leave joint=() to draw them side by side."
        )


def check(right: bool, argument: str, value: object, remedy: str) -> None:
    """Raises ``ConfigurationError`` with value and remedy unless ``right``."""
    if not right:
        raise ConfigurationError(f"`InfoGeometryMonitor({argument}={value!r})`: {remedy}.")


def _alike(found: Chosen, other: Chosen) -> bool:
    same = found.probe.fingerprint == other.probe.fingerprint
    # Of one that has not been through the hooks labels are not known yet.
    return same and (not found.given or same_labels(found.probe.labels, other.probe.labels))


def _same(saved: dict[str, Any], chosen: Chosen) -> bool:
    return saved["fingerprint"] == chosen.probe.fingerprint and same_labels(saved["labels"], chosen.probe.labels)


def _described(saved: dict[str, Any] | None) -> str:
    if saved is None:
        return "none"
    return f"{len(saved['state']['first'])} samples, fingerprint={saved['fingerprint'][:12]}…"
