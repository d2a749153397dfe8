"""Pictures. Nothing else in the package knows matplotlib, and it is imported only when a picture is drawn."""

from lightning_infogeo.figures.comparison import joint as joint
from lightning_infogeo.figures.comparison import speed as speed
from lightning_infogeo.figures.comparison import trajectory_distances as trajectory_distances
from lightning_infogeo.figures.trajectory import COLOURS as COLOURS
from lightning_infogeo.figures.trajectory import collapse as collapse
from lightning_infogeo.figures.trajectory import curves as curves
from lightning_infogeo.figures.trajectory import distances as distances
from lightning_infogeo.figures.trajectory import embedding as embedding
