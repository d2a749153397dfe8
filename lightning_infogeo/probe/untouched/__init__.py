"""Reading a training's data and restoring all state that the read has changed."""

from lightning_infogeo.probe.untouched.queues import handed_back as handed_back
from lightning_infogeo.probe.untouched.queues import queues_of as queues_of
from lightning_infogeo.probe.untouched.spent import used_up as used_up
from lightning_infogeo.probe.untouched.trace import Trace as Trace
from lightning_infogeo.probe.untouched.trace import untouched as untouched
from lightning_infogeo.probe.untouched.walk import MAX_OBJECTS as MAX_OBJECTS
