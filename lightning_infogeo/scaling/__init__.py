"""How transitions of training sharpen with the size of a network: curvature, collapse, finite-size scaling."""

from lightning_infogeo.scaling.collapse import Curves as Curves
from lightning_infogeo.scaling.curvature import loglog_curvature as loglog_curvature
from lightning_infogeo.scaling.finite_size import finite_size_scaling as finite_size_scaling
