"""Which curves TensorBoard's Custom Scalars page shows together."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from lightning_infogeo.loggers.live_view import Charts
from lightning_infogeo.loggers.plugin_tensors import is_torch_writer

_TAG = "custom_scalars__config__"


def write_layout(logger: Any, category: str, charts: Charts) -> None:
    """Writes which curves are shown together, beside what the run's layout shows already.

    A run has one layout, of which TensorBoard takes the last: so the one that is there, of the user or of another
    monitor, is written again with these charts.

    Args:
        logger: of TensorBoard's.
        category: heading of the charts, another for each monitor.
        charts: the keys of each.
    """
    curves = {title: [f"^{re.escape(key)}$" for key in keys] for title, keys in charts.items()}
    for title, tags in list(curves.items())[:1]:
        curves = {title: tags, f"{title}, beside losses": [*tags, ".*loss.*"], **curves}
    writer = logger.experiment
    if not is_torch_writer(writer):
        writer.add_custom_scalars({category: {title: ["Multiline", tags] for title, tags in curves.items()}})
        return
    from tensorboard.plugins.custom_scalar import layout_pb2

    writer.flush()
    own = layout_pb2.Category(
        title=category,
        chart=[
            layout_pb2.Chart(title=title, multiline=layout_pb2.MultilineChartContent(tag=tags))
            for title, tags in curves.items()
        ],
    )
    there = _last_layout(Path(str(logger.log_dir)))
    if own not in there.category:
        others = [each for each in there.category if each.title != category]
        _write(writer, layout_pb2.Layout(category=[*others, own]))


def _write(writer: Any, layout: Any) -> None:
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto

    plugin = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="custom_scalars"))
    text = TensorProto(dtype="DT_STRING", string_val=[layout.SerializeToString()])
    value = Summary.Value(tag=_TAG, metadata=plugin, tensor=text)
    writer._get_file_writer().add_summary(Summary(value=[value]))


def _last_layout(folder: Path) -> Any:
    """Returns the last layout among the event files of a folder; an empty one where there is none.

    TensorBoard's own reader would check each event, at a megabyte a second.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.custom_scalar import layout_pb2

    last = layout_pb2.Layout()
    for path in sorted(folder.glob("*tfevents*")):
        with open(path, "rb") as file:
            while len(head := file.read(12)) == 12:  # length and its checksum; after the event comes another
                event = file.read(int.from_bytes(head[:8], "little"))
                if _TAG.encode() in event and len(file.read(4)) == 4:
                    for value in Event.FromString(event).summary.value:
                        if value.tag == _TAG:
                            last = layout_pb2.Layout.FromString(value.tensor.string_val[0])
                else:
                    file.seek(4, 1)
    return last
