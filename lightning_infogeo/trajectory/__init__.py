"""The path of one probe's predictions: running quantities on the device, and the recorded trajectory."""

from lightning_infogeo.trajectory.series import Kind as Kind
from lightning_infogeo.trajectory.series import Series as Series
from lightning_infogeo.trajectory.state import LABELLED_QUANTITIES as LABELLED_QUANTITIES
from lightning_infogeo.trajectory.state import QUANTITIES as QUANTITIES
from lightning_infogeo.trajectory.state import TrajectoryState as TrajectoryState
from lightning_infogeo.trajectory.state import arcs_of as arcs_of
from lightning_infogeo.trajectory.state import extend as extend
from lightning_infogeo.trajectory.state import start as start
from lightning_infogeo.trajectory.trajectory import Trajectory as Trajectory
from lightning_infogeo.trajectory.trajectory import of_probes as of_probes
