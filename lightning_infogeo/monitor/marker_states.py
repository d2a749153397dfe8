"""Where in the state of a session its markers' states are: with the log on the host, or with the recorder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lightning_infogeo.markers import Marker


def placed(state: Mapping[str, Any], markers: Sequence[Marker]) -> Mapping[str, Any]:
    """Returns the state of a session in which each marker's own is where that marker runs.

    It may have been elsewhere: before version 0.2 all markers of samples ran beside the record, and another class of
    the same name may.

    Args:
        state: empty where nothing was recorded.
        markers: that are to go on from it.
    """
    if not state:
        return state
    watch, recorder = state["watch"], state["recorder"]
    beside = recorder.get("markers", {})
    known = [*watch["states"], *([name, probe, own] for probe, of in beside.items() for name, own in of.items())]
    moving = {marker.name for marker in markers if not marker.on_host}
    there: dict[str, dict[str, Any]] = {}
    for name, probe, own in known:
        if name in moving:
            there.setdefault(probe, {})[name] = own
    here = [of for of in known if of[0] not in moving]
    # A process without a recorder has none to give a state to.
    return {**state, "watch": {**watch, "states": here}, "recorder": recorder and {**recorder, "markers": there}}
