"""The path of one probe's predictions: running quantities on the device, and what was recorded of it."""

from lightning_infogeo.trajectory.extend import LABELLED_QUANTITIES as LABELLED_QUANTITIES
from lightning_infogeo.trajectory.extend import QUANTITIES as QUANTITIES
from lightning_infogeo.trajectory.extend import TrajectoryState as TrajectoryState
from lightning_infogeo.trajectory.extend import arcs_of as arcs_of
from lightning_infogeo.trajectory.extend import extend as extend
from lightning_infogeo.trajectory.extend import start as start
from lightning_infogeo.trajectory.recorded import WEIGHTS as WEIGHTS
from lightning_infogeo.trajectory.recorded import Trajectory as Trajectory
from lightning_infogeo.trajectory.recorded import of_probes as of_probes
