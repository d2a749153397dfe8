"""Pictures. Nothing else in the package knows matplotlib, and it is imported only when a picture is drawn."""

from lightning_infogeo.figures.answer import answer as answer
from lightning_infogeo.figures.approach import approach as approach
from lightning_infogeo.figures.comparison import joint as joint
from lightning_infogeo.figures.comparison import speed as speed
from lightning_infogeo.figures.comparison import trajectory_distances as trajectory_distances
from lightning_infogeo.figures.curves import curves as curves
from lightning_infogeo.figures.distances import distances as distances
from lightning_infogeo.figures.embedding import embedding as embedding
from lightning_infogeo.figures.palette import COLOURS as COLOURS
from lightning_infogeo.figures.scaling import collapse as collapse
from lightning_infogeo.figures.theory import phase_diagram as phase_diagram
from lightning_infogeo.figures.theory import spectra as spectra
from lightning_infogeo.figures.topology import capacity as capacity
from lightning_infogeo.figures.topology import learning_tree as learning_tree
from lightning_infogeo.figures.topology import neuron_paths as neuron_paths
from lightning_infogeo.figures.topology import neurons as neurons
from lightning_infogeo.figures.topology import sheets as sheets
from lightning_infogeo.figures.topology import weight_norms as weight_norms
