"""Information geometry of the weights: how the distribution of a group's weights moves through training."""

from lightning_infogeo.parameters.density import QUANTITIES as QUANTITIES
from lightning_infogeo.parameters.density import DensityState as DensityState
from lightning_infogeo.parameters.groups import parameter_groups as parameter_groups
from lightning_infogeo.parameters.samples import information_length as information_length
from lightning_infogeo.parameters.samples import parameter_velocity as parameter_velocity
from lightning_infogeo.parameters.settings import ParameterDensity as ParameterDensity
from lightning_infogeo.parameters.weights import Reduce as Reduce
