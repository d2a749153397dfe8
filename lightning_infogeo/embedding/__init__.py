"""Embedding trajectories: InPCA, the data it needs from the device, and the path to be drawn."""

from lightning_infogeo.embedding.embedded_path import EmbeddedPath as EmbeddedPath
from lightning_infogeo.embedding.inpca import Embedding as Embedding
from lightning_infogeo.embedding.inpca import inpca as inpca
