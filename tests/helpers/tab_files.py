"""What TensorBoard's event files hold for the tab, read back as any reader would."""

import json
from collections import defaultdict
from pathlib import Path

from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util.tensor_util import make_ndarray


class TabFiles:
    """All tensors of the plugin below a folder.

    Attributes:
        values: by tag, (step, array or text) in the order of the files.
        about: by tag, what describes it.
        nbytes: of all of them.
    """

    def __init__(self, folder):
        self.values, self.about, self.nbytes = defaultdict(list), {}, 0
        for path in sorted(Path(folder).rglob("events.out.tfevents.*"), key=_begun):
            described = set()
            for event in EventFileLoader(str(path)).Load():
                for value in event.summary.value:
                    data = value.metadata.plugin_data
                    if data.plugin_name == "infogeo" and data.content and value.tag not in described:
                        described.add(value.tag)
                        self.about[value.tag] = json.loads(data.content)
                    if value.tag in described:
                        array = make_ndarray(value.tensor)
                        text = array.item().decode() if array.dtype == object else None
                        self.values[value.tag].append((event.step, array if text is None else json.loads(text)))
                        self.nbytes += value.ByteSize()

    def steps(self, tag):
        return [step for step, _ in self.values[tag]]

    def last(self, tag):
        return self.values[tag][-1][1]


def _begun(path):
    """Sorts by when files were begun: of one second by their number in the process, of which 10 comes after 9."""
    second, *_, process, number = path.name.removeprefix("events.out.tfevents.").split(".")
    return path.parent, int(second), int(process), int(number)
