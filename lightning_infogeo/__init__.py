"""The information geometry of a training run, live: one callback for PyTorch Lightning.

Names re-exported here are the public interface; modules may be imported, but promise nothing more.
"""

from lightning_infogeo.distances import arc as arc
from lightning_infogeo.distances import bhattacharyya as bhattacharyya
from lightning_infogeo.distances import bhattacharyya_from_logits as bhattacharyya_from_logits
from lightning_infogeo.distances import fisher_rao as fisher_rao
from lightning_infogeo.distances import fisher_rao_from_logits as fisher_rao_from_logits
from lightning_infogeo.distances import hellinger as hellinger
from lightning_infogeo.distances import hellinger_from_logits as hellinger_from_logits
from lightning_infogeo.distributions import amplitudes as amplitudes
from lightning_infogeo.monitor import InfoGeometryMonitor as InfoGeometryMonitor
from lightning_infogeo.probe import ConfigurationError as ConfigurationError
from lightning_infogeo.probe import Probe as Probe
from lightning_infogeo.schedules import AtSteps as AtSteps
from lightning_infogeo.schedules import Clock as Clock
from lightning_infogeo.schedules import EveryNEpochs as EveryNEpochs
from lightning_infogeo.schedules import EveryNSteps as EveryNSteps
from lightning_infogeo.schedules import LogSpaced as LogSpaced
from lightning_infogeo.schedules import Schedule as Schedule
from lightning_infogeo.trajectory import Trajectory as Trajectory

__version__ = "0.1.0"
