"""Reading a training's data without a trace, wherever its objects keep their state."""

from lightning_infogeo.probe.untouched.spent import used_up as used_up
from lightning_infogeo.probe.untouched.trace import Trace as Trace
from lightning_infogeo.probe.untouched.trace import untouched as untouched
