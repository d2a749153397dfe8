"""Which runs and which maps there are, from metadata alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from infogeo_tensorboard.metadata import PROBE_KINDS, ProbeMetadata, probe_metadata, tag_metadata
from infogeo_tensorboard.problems import NewerFormatError, RecordedError, shortened
from infogeo_tensorboard.source import Series


@dataclass
class Probe:
    """A probe of a run.

    Attributes:
        metadata: of its tags.
        series: by kind.
    """

    metadata: ProbeMetadata
    series: dict[str, Series] = field(default_factory=dict)

    @property
    def versions(self) -> tuple[object, ...]:
        """Of all its series."""
        return tuple(sorted((kind, series.version) for kind, series in self.series.items()))


@dataclass
class Entry:
    """A monitor of a run: what the tab lists as a run.

    Attributes:
        name: unique among entries; the run's where it has one monitor.
        run: as TensorBoard names it.
        monitor: prefix of the monitor.
        probes: by name.
        events: what is known of the run, where there is something.
        problems: in words, without repetitions.
    """

    name: str
    run: str
    monitor: str
    probes: dict[str, Probe] = field(default_factory=dict)
    events: Series | None = None
    problems: list[str] = field(default_factory=list)

    def complain(self, words: str) -> None:
        """Adds a problem that has not been said."""
        if words not in self.problems:
            self.problems.append(words)

    @property
    def identity(self) -> dict[str, object]:
        """What its metadata say of the run: "id", "continues", "metadata"."""
        return next((probe.metadata.run for probe in self.probes.values()), {})


@dataclass
class Group:
    """Runs that were evaluated on the same samples.

    Attributes:
        key: of the map.
        members: entries and their probe on it, by name of the entry.
    """

    key: str
    members: list[tuple[Entry, Probe]] = field(default_factory=list)

    @property
    def metadata(self) -> ProbeMetadata:
        """Of its first member; of all, what is about the samples is the same."""
        return self.members[0][1].metadata

    @property
    def trained(self) -> bool:
        """Whether any member is trained on the samples."""
        return any(probe.metadata.trained for _, probe in self.members)

    @property
    def version(self) -> tuple[object, ...]:
        """Changes when a member does."""
        return tuple((entry.name, probe.versions) for entry, probe in self.members)


class Catalogue:
    """All that there is below the log directory.

    Args:
        series: of the plugin.

    Attributes:
        entries: by name, in the order in which people count.
        groups: by key of the map, those with most runs first.
    """

    def __init__(self, series: Iterable[Series]) -> None:
        found: dict[tuple[str, str], Entry] = {}
        beside = [one for one in series if not _add(found, one)]
        for one in beside:
            _add_beside(found, one)
        self.entries = _named(found.values())
        groups: dict[str, Group] = {}
        for entry in self.entries.values():
            for probe in entry.probes.values():
                group = groups.setdefault(probe.metadata.key, Group(probe.metadata.key))
                # Two probes of a run that are the same samples are one point on the map.
                if set(PROBE_KINDS) <= set(probe.series) and entry.name not in [
                    other.name for other, _ in group.members
                ]:
                    group.members.append((entry, probe))
        shown = [group for group in groups.values() if group.members]
        shown.sort(key=lambda group: (group.trained, -len(group.members), group.metadata.probe, group.key))
        self.groups = {group.key: group for group in shown}


def _add(found: dict[tuple[str, str], Entry], series: Series) -> bool:
    """Adds a series; returns False for one that belongs to a probe which has to be known first."""
    try:
        tag = tag_metadata(series.content)
    except RecordedError as error:
        # Whose it is is not said by metadata that cannot be trusted, but by the tag's name.
        monitor = series.tag.rsplit("/", 2)[0]
        entry = found.setdefault((series.run, monitor), Entry(series.run, series.run, monitor))
        entry.complain(str(error) if isinstance(error, NewerFormatError) else f"{series.tag}: {error}")
        return True
    entry = found.setdefault((series.run, tag.monitor), Entry(series.run, series.run, tag.monitor))
    if tag.kind == "events":
        entry.events = entry.events or series
    elif tag.kind in PROBE_KINDS:
        try:
            metadata = probe_metadata(series.content)
        except RecordedError as error:
            entry.complain(f"{series.tag}: {error}")
            return True
        probe = entry.probes.setdefault(tag.probe, Probe(metadata))
        if probe.metadata.key != metadata.key:
            entry.complain(f"{series.tag}: is of other samples than the other tags of its probe")
        else:
            probe.series.setdefault(tag.kind, series)
    return tag.kind == "events" or tag.kind in PROBE_KINDS


def _add_beside(found: dict[tuple[str, str], Entry], series: Series) -> None:
    tag = tag_metadata(series.content)
    entry = found[series.run, tag.monitor]
    if tag.probe in entry.probes:
        entry.probes[tag.probe].series.setdefault(tag.kind, series)
    else:
        entry.complain(f"{series.tag}: there is no probe {shortened(tag.probe)}")


def _named(entries: Iterable[Entry]) -> dict[str, Entry]:
    by_run: dict[str, list[Entry]] = {}
    for entry in entries:
        by_run.setdefault(entry.run, []).append(entry)
    named: dict[str, Entry] = {}
    for run in sorted(by_run, key=_as_counted):
        for entry in sorted(by_run[run], key=lambda one: one.monitor):
            name = run if len(by_run[run]) == 1 else f"{run} · {entry.monitor}"
            count = 2
            while name in named:  # a run may be called as two monitors of another are
                name, count = f"{run} · {entry.monitor} ({count})", count + 1
            entry.name = name
            named[name] = entry
    return named


def _as_counted(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Sorts run_2 before run_10."""
    parts = re.split(r"([0-9]{1,18})", name)
    return [(1, int(part), "") if part.isascii() and part.isdigit() else (0, 0, part) for part in parts], name
