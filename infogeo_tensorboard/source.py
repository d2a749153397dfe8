"""The plugin's time series below the log directory, by TensorBoard's data provider, which both of its loaders have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tensorboard.data.provider import RunTagFilter

from infogeo_tensorboard import PLUGIN_NAME
from infogeo_tensorboard.problems import RecordedError, shortened

_ALL = 1_000_000
"""The provider wants a number of data at most."""


@dataclass(frozen=True)
class Series:
    """A tag of a run.

    Attributes:
        run: as TensorBoard names it.
        tag: name.
        version: last step and time of writing; what has the same holds the same.
        content: the plugin's metadata of the tag.
    """

    run: str
    tag: str
    version: tuple[Any, Any]
    content: bytes = field(repr=False)


Data = list[Any]
"""Of a series, each with ``step``, ``wall_time`` and ``numpy``, steps increasing."""


@dataclass(frozen=True)
class Source:
    """What a request may read.

    Attributes:
        provider: TensorBoard's.
        context: of the request.
        experiment: identity of the experiment, for the provider.
    """

    provider: Any
    context: Any
    experiment: str

    def series(self) -> tuple[Series, ...]:
        """Returns all series of the plugin, by run and tag; reads no tensor."""
        found = self.provider.list_tensors(self.context, experiment_id=self.experiment, plugin_name=PLUGIN_NAME)
        return tuple(
            Series(run, tag, (series.max_step, series.max_wall_time), bytes(series.plugin_content or b""))
            for run, tags in sorted(found.items())
            for tag, series in sorted(tags.items())
        )

    def read(self, wanted: Iterable[Series]) -> dict[tuple[str, str], Data | RecordedError]:
        """Returns the data of series by run and tag, or why they cannot be read.

        TensorBoard's default loader answers from another process and needs some 40 ms a request, whatever it asks for.
        So runs of which the same tags are wanted are read by one request; where that fails, by two of half as many,
        and so on: one that is damaged costs itself alone.

        A run that is resumed may write a step again; what was written later counts, and what the interrupted run had
        written at that step and beyond goes, as TensorBoard's default loader has it. The other one keeps it.

        Args:
            wanted: some of ``series()``, in all of a size that fits into one answer.
        """
        tags: dict[str, list[str]] = {}
        wanted = list(wanted)
        for series in wanted:
            tags.setdefault(series.run, []).append(series.tag)
        alike: dict[tuple[str, ...], list[str]] = {}
        for run, of_run in tags.items():
            alike.setdefault(tuple(sorted(set(of_run))), []).append(run)
        found: dict[tuple[str, str], Data | RecordedError] = {}
        for of_each, runs in alike.items():
            found |= self._all(runs, of_each)
        for series in wanted:
            if found[series.run, series.tag] == [] and series.version[0] is not None:  # as it goes and comes back
                found[series.run, series.tag] = RecordedError("it cannot be read (it is listed, and nothing is there)")
        return found

    def _all(self, runs: Sequence[str], tags: Sequence[str]) -> dict[tuple[str, str], Data | RecordedError]:
        try:
            given = self.provider.read_tensors(
                self.context,
                experiment_id=self.experiment,
                plugin_name=PLUGIN_NAME,
                downsample=_ALL,
                run_tag_filter=RunTagFilter(runs=runs, tags=tags),
            )
        except Exception as error:  # of gRPC, of the provider, or of a tensor that is none
            if len(runs) > 1:
                middle = len(runs) // 2
                return self._all(runs[:middle], tags) | self._all(runs[middle:], tags)
            if len(tags) > 1:
                middle = len(tags) // 2
                return self._all(runs, tags[:middle]) | self._all(runs, tags[middle:])
            words = f"it cannot be read ({type(error).__name__}: {shortened(error)})"
            return {(runs[0], tags[0]): RecordedError(words)}
        return {(run, tag): _last_written(given.get(run, {}).get(tag, [])) for run in runs for tag in tags}


def _last_written(data: Iterable[Any]) -> Data:
    kept: Data = []
    for datum in data:
        while kept and kept[-1].step >= datum.step:
            kept.pop()
        kept.append(datum)
    return kept
