"""Whether a training may go on with what was recorded so far: every refusal, with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from lightning_infogeo.distributions import Distribution
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.monitor.arguments import check
from lightning_infogeo.probe import Chosen, same_labels
from lightning_infogeo.trajectory import Trajectory


@contextmanager
def resumable(key: str, loaded: bool = True) -> Iterator[None]:
    """Turns whatever the block raises, where it goes on from a loaded state, into a ``ConfigurationError``."""
    try:
        yield
    except ConfigurationError:
        raise
    except Exception as error:
        if not loaded:
            raise
        raise ConfigurationError(
            f"`InfoGeometryMonitor`: the state in the checkpoint is damaged or of another version "
            f"({type(error).__name__}: {error}). To resume with a trajectory that begins here, take it out: "
            f"del checkpoint['callbacks'][{key!r}]."
        ) from error


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
