"""The plugin's time series below the log directory, by TensorBoard's data provider, which both of its loaders have."""

from __future__ import annotations

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

    def read(self, series: Series) -> list[Any]:
        """Returns the data of a series, each with ``step``, ``wall_time`` and ``numpy``, steps increasing.

        A run that is resumed may write a step again; what was written later counts, and what the interrupted run had
        written at that step and beyond goes, as TensorBoard's default loader has it. The other one keeps it.

        Args:
            series: one of ``series()``.

        Raises:
            RecordedError: where it cannot be read.
        """
        chosen = RunTagFilter(runs=[series.run], tags=[series.tag])
        try:
            found = self.provider.read_tensors(
                self.context,
                experiment_id=self.experiment,
                plugin_name=PLUGIN_NAME,
                downsample=_ALL,
                run_tag_filter=chosen,
            )
        except Exception as error:  # of gRPC, of the provider, or of a tensor that is none
            words = f"it cannot be read ({type(error).__name__}: {shortened(error)})"
            raise RecordedError(words) from error
        kept: list[Any] = []
        for datum in found.get(series.run, {}).get(series.tag, []):
            while kept and kept[-1].step >= datum.step:
                kept.pop()
            kept.append(datum)
        return kept
