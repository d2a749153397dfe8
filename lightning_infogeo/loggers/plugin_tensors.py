"""Tensors of a TensorBoard plugin in an event file, each tag described where it first comes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

PLUGIN = "infogeo"
"""The name by which TensorBoard knows the plugin that reads them."""

_described: WeakKeyDictionary[Any, dict[str, str]] = WeakKeyDictionary()
"""Of each open event file, the tags that it has, and the last text of those that hold one."""


class PluginTensor(NamedTuple):
    """One value of a tag.

    Attributes:
        tag: its name.
        value: an array, or a text, which is written again only where it has changed.
        about: describes the tag, of what JSON can say.
        once: whether an event file gets one value of it alone.
    """

    tag: str
    value: np.ndarray[Any, Any] | str
    about: Mapping[str, Any]
    once: bool = False


def write_tensors(file_writer: Any, tensors: Sequence[PluginTensor], step: int) -> None:
    """Queues tensors for an event file; its own thread writes them.

    TensorBoard takes the description of a tag from the first value in a file, so later ones go without.

    Args:
        file_writer: of the event file, as ``SummaryWriter`` has it.
        tensors: to write.
        step: at which.
    """
    from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_TENSOR, Summary, SummaryMetadata

    known = _described.setdefault(file_writer, {})
    values = []
    for tensor in tensors:
        text = tensor.value if isinstance(tensor.value, str) else ""
        if tensor.tag in known and (tensor.once or (text and text == known[tensor.tag])):
            continue
        metadata = None
        if tensor.tag not in known:
            content = json.dumps(tensor.about, separators=(",", ":")).encode()
            data = SummaryMetadata.PluginData(plugin_name=PLUGIN, content=content)
            metadata = SummaryMetadata(plugin_data=data, data_class=DATA_CLASS_TENSOR)
        known[tensor.tag] = text
        values.append(Summary.Value(tag=tensor.tag, metadata=metadata, tensor=_proto(tensor.value)))
    if values:
        file_writer.add_summary(Summary(value=values), step)


def is_torch_writer(writer: Any) -> bool:
    """Returns whether a writer is PyTorch's, and not tensorboardX's, which has messages of its own."""
    return type(writer).__module__.startswith("torch.")


def _proto(value: np.ndarray[Any, Any] | str) -> Any:
    """Returns a message with the bytes of an array as they are: TensorBoard's own function takes three for a half."""
    from tensorboard.compat.proto import types_pb2
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

    if isinstance(value, str):
        return TensorProto(dtype=types_pb2.DT_STRING, string_val=[value.encode()])
    kinds = {"uint8": "DT_UINT8", "float16": "DT_HALF", "float32": "DT_FLOAT", "float64": "DT_DOUBLE"}
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in value.shape])
    content = np.ascontiguousarray(value).tobytes()
    return TensorProto(dtype=getattr(types_pb2, kinds[value.dtype.name]), tensor_shape=shape, tensor_content=content)
