"""Markers: online detectors of what happens to a trajectory, one a file."""

from lightning_infogeo.markers.condensing import CondensingMarker as CondensingMarker
from lightning_infogeo.markers.event import OVERFITTING as OVERFITTING
from lightning_infogeo.markers.event import RECOVERED as RECOVERED
from lightning_infogeo.markers.event import Event as Event
from lightning_infogeo.markers.event import Verdict as Verdict
from lightning_infogeo.markers.generalisation import LateGeneralisation as LateGeneralisation
from lightning_infogeo.markers.knee import LogLogKnee as LogLogKnee
from lightning_infogeo.markers.knee import knee as knee
from lightning_infogeo.markers.marker import Firing as Firing
from lightning_infogeo.markers.marker import Marker as Marker
from lightning_infogeo.markers.marker import ReadingKey as ReadingKey
from lightning_infogeo.markers.marker import packed as packed
from lightning_infogeo.markers.marker import state_where as state_where
from lightning_infogeo.markers.marker import unpacked as unpacked
from lightning_infogeo.markers.memorisation import MemorisationOnset as MemorisationOnset
from lightning_infogeo.markers.overfitting import OverfittingOnset as OverfittingOnset
from lightning_infogeo.markers.velocity_change import VelocityChange as VelocityChange
from lightning_infogeo.markers.velocity_change import velocity_changes as velocity_changes
