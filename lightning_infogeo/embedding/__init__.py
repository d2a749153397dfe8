"""Trajectories as pictures: InPCA, what it is made of, and what there is to draw."""

from lightning_infogeo.embedding.embedded_path import EmbeddedPath as EmbeddedPath
from lightning_infogeo.embedding.inpca import Embedding as Embedding
from lightning_infogeo.embedding.inpca import inpca as inpca
