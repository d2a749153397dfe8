"""Topology of learning: how the incoming weights of a layer's neurons branch and spread during training."""

from lightning_infogeo.topology.capacity import Capacity as Capacity
from lightning_infogeo.topology.capacity import effective_capacity as effective_capacity
from lightning_infogeo.topology.cloud import Cloud as Cloud
from lightning_infogeo.topology.cloud import neuron_cloud as neuron_cloud
from lightning_infogeo.topology.farthest import Representatives as Representatives
from lightning_infogeo.topology.farthest import farthest_points as farthest_points
from lightning_infogeo.topology.graph import LearningGraph as LearningGraph
from lightning_infogeo.topology.graph import interval_overlap as interval_overlap
from lightning_infogeo.topology.graph import learning_graph as learning_graph
from lightning_infogeo.topology.neurons import NeuronRecorder as NeuronRecorder
from lightning_infogeo.topology.neurons import NeuronSettings as NeuronSettings
from lightning_infogeo.topology.neurons import incoming as incoming
from lightning_infogeo.topology.neurons import neuron_layers as neuron_layers
from lightning_infogeo.topology.projection import Projection as Projection
from lightning_infogeo.topology.projection import affordable_dimension as affordable_dimension
from lightning_infogeo.topology.surface import LearningSurface as LearningSurface
from lightning_infogeo.topology.surface import learning_surface as learning_surface
