"""The information geometry of a training run, live: one callback for PyTorch Lightning.

Names re-exported here are the public interface; modules may be imported, but promise nothing more. A name's module is
imported when the name is first asked for (PEP 562), so that nobody waits for what is not used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.2.0"

if TYPE_CHECKING:  # for type checkers and editors; tests/test_starts.py holds the table below to it
    from lightning_infogeo.archive import Archive as Archive
    from lightning_infogeo.archive import ArchiveError as ArchiveError
    from lightning_infogeo.archive.settings import ArchiveSettings as ArchiveSettings
    from lightning_infogeo.comparison import Comparison as Comparison
    from lightning_infogeo.comparison import Recording as Recording
    from lightning_infogeo.comparison import compare as compare
    from lightning_infogeo.comparison import joint_embedding as joint_embedding
    from lightning_infogeo.comparison import trajectory_distance as trajectory_distance
    from lightning_infogeo.distances import arc as arc
    from lightning_infogeo.distances import arc_from_logits as arc_from_logits
    from lightning_infogeo.distances import bhattacharyya as bhattacharyya
    from lightning_infogeo.distances import bhattacharyya_from_logits as bhattacharyya_from_logits
    from lightning_infogeo.distances import fisher_rao as fisher_rao
    from lightning_infogeo.distances import fisher_rao_from_logits as fisher_rao_from_logits
    from lightning_infogeo.distances import hellinger as hellinger
    from lightning_infogeo.distances import hellinger_from_logits as hellinger_from_logits
    from lightning_infogeo.distances import pairwise_arc as pairwise_arc
    from lightning_infogeo.distances import pairwise_bhattacharyya as pairwise_bhattacharyya
    from lightning_infogeo.distances import pairwise_hellinger as pairwise_hellinger
    from lightning_infogeo.distributions import Bernoulli as Bernoulli
    from lightning_infogeo.distributions import Categorical as Categorical
    from lightning_infogeo.distributions import Distribution as Distribution
    from lightning_infogeo.distributions import Tokens as Tokens
    from lightning_infogeo.distributions import amplitudes as amplitudes
    from lightning_infogeo.embedding.inpca import Embedding as Embedding
    from lightning_infogeo.embedding.inpca import inpca as inpca
    from lightning_infogeo.embedding.settings import EmbeddingSettings as EmbeddingSettings
    from lightning_infogeo.errors import ConfigurationError as ConfigurationError
    from lightning_infogeo.geodesics import geodesic as geodesic
    from lightning_infogeo.geodesics import progress as progress
    from lightning_infogeo.geodesics import reindex as reindex
    from lightning_infogeo.markers import Event as Event
    from lightning_infogeo.markers import Firing as Firing
    from lightning_infogeo.markers import LateGeneralisation as LateGeneralisation
    from lightning_infogeo.markers import LogLogKnee as LogLogKnee
    from lightning_infogeo.markers import Marker as Marker
    from lightning_infogeo.markers import MemorisationOnset as MemorisationOnset
    from lightning_infogeo.markers import OverfittingOnset as OverfittingOnset
    from lightning_infogeo.markers import VelocityChange as VelocityChange
    from lightning_infogeo.markers import Verdict as Verdict
    from lightning_infogeo.markers import state_where as state_where
    from lightning_infogeo.metrics import BhattacharyyaDistance as BhattacharyyaDistance
    from lightning_infogeo.metrics import FisherRaoDistance as FisherRaoDistance
    from lightning_infogeo.metrics import HellingerDistance as HellingerDistance
    from lightning_infogeo.monitor import InfoGeometryMonitor as InfoGeometryMonitor
    from lightning_infogeo.parameters import ParameterDensity as ParameterDensity
    from lightning_infogeo.parameters import information_length as information_length
    from lightning_infogeo.parameters import parameter_velocity as parameter_velocity
    from lightning_infogeo.probe import Probe as Probe
    from lightning_infogeo.samples import Cartography as Cartography
    from lightning_infogeo.samples import ForgettingEvents as ForgettingEvents
    from lightning_infogeo.samples import Movement as Movement
    from lightning_infogeo.samples import area_under_margin as area_under_margin
    from lightning_infogeo.samples import cartography as cartography
    from lightning_infogeo.samples import forgetting_events as forgetting_events
    from lightning_infogeo.samples import moved as moved
    from lightning_infogeo.scaling.curvature import loglog_curvature as loglog_curvature
    from lightning_infogeo.scaling.finite_size import finite_size_scaling as finite_size_scaling
    from lightning_infogeo.schedules import AtSteps as AtSteps
    from lightning_infogeo.schedules import Clock as Clock
    from lightning_infogeo.schedules import EveryNEpochs as EveryNEpochs
    from lightning_infogeo.schedules import EveryNSteps as EveryNSteps
    from lightning_infogeo.schedules import LogSpaced as LogSpaced
    from lightning_infogeo.schedules import Schedule as Schedule
    from lightning_infogeo.tab import TabSettings as TabSettings
    from lightning_infogeo.theory import hyper_ribbon as hyper_ribbon
    from lightning_infogeo.theory import input_spectrum as input_spectrum
    from lightning_infogeo.theory import kernel_spectrum as kernel_spectrum
    from lightning_infogeo.theory import low_dimensional as low_dimensional
    from lightning_infogeo.theory import phase_diagram as phase_diagram
    from lightning_infogeo.theory import predicted_spectrum as predicted_spectrum
    from lightning_infogeo.theory import probe_spectrum as probe_spectrum
    from lightning_infogeo.theory import trajectory_covariance as trajectory_covariance
    from lightning_infogeo.topology import LearningGraph as LearningGraph
    from lightning_infogeo.topology import NeuronSettings as NeuronSettings
    from lightning_infogeo.topology import effective_capacity as effective_capacity
    from lightning_infogeo.topology import learning_graph as learning_graph
    from lightning_infogeo.topology import learning_surface as learning_surface
    from lightning_infogeo.topology import neuron_cloud as neuron_cloud
    from lightning_infogeo.trajectory import Trajectory as Trajectory
else:
    _NAMES = {
        "archive": ("Archive", "ArchiveError"),
        "archive.settings": ("ArchiveSettings",),
        "comparison": ("Comparison", "Recording", "compare", "joint_embedding", "trajectory_distance"),
        "distances": (
            "arc",
            "arc_from_logits",
            "bhattacharyya",
            "bhattacharyya_from_logits",
            "fisher_rao",
            "fisher_rao_from_logits",
            "hellinger",
            "hellinger_from_logits",
            "pairwise_arc",
            "pairwise_bhattacharyya",
            "pairwise_hellinger",
        ),
        "distributions": ("Bernoulli", "Categorical", "Distribution", "Tokens", "amplitudes"),
        "embedding.inpca": ("Embedding", "inpca"),
        "embedding.settings": ("EmbeddingSettings",),
        "errors": ("ConfigurationError",),
        "geodesics": ("geodesic", "progress", "reindex"),
        "markers": (
            "Event",
            "Firing",
            "LateGeneralisation",
            "LogLogKnee",
            "Marker",
            "MemorisationOnset",
            "OverfittingOnset",
            "VelocityChange",
            "Verdict",
            "state_where",
        ),
        "metrics": ("BhattacharyyaDistance", "FisherRaoDistance", "HellingerDistance"),
        "monitor": ("InfoGeometryMonitor",),
        "parameters": ("ParameterDensity", "information_length", "parameter_velocity"),
        "probe": ("Probe",),
        "samples": (
            "Cartography",
            "ForgettingEvents",
            "Movement",
            "area_under_margin",
            "cartography",
            "forgetting_events",
            "moved",
        ),
        "scaling.curvature": ("loglog_curvature",),
        "scaling.finite_size": ("finite_size_scaling",),
        "schedules": ("AtSteps", "Clock", "EveryNEpochs", "EveryNSteps", "LogSpaced", "Schedule"),
        "tab": ("TabSettings",),
        "theory": (
            "hyper_ribbon",
            "input_spectrum",
            "kernel_spectrum",
            "low_dimensional",
            "phase_diagram",
            "predicted_spectrum",
            "probe_spectrum",
            "trajectory_covariance",
        ),
        "topology": (
            "LearningGraph",
            "NeuronSettings",
            "effective_capacity",
            "learning_graph",
            "learning_surface",
            "neuron_cloud",
        ),
        "trajectory": ("Trajectory",),
    }
    _MODULES = {name: module for module, names in _NAMES.items() for name in names}
    __all__ = list(_MODULES)

    def __getattr__(name):
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = value  # not asked for again
        return value

    def __dir__():
        return sorted({*globals(), *__all__})
