"""Distances between predictions on the same samples: of two of them, and between all of two sets."""

from lightning_infogeo.distances.paired import OVERLAP_FLOOR as OVERLAP_FLOOR
from lightning_infogeo.distances.paired import arc as arc
from lightning_infogeo.distances.paired import arc_from_logits as arc_from_logits
from lightning_infogeo.distances.paired import arcs_from_logits as arcs_from_logits
from lightning_infogeo.distances.paired import bhattacharyya as bhattacharyya
from lightning_infogeo.distances.paired import bhattacharyya_from_logits as bhattacharyya_from_logits
from lightning_infogeo.distances.paired import fisher_rao as fisher_rao
from lightning_infogeo.distances.paired import fisher_rao_from_logits as fisher_rao_from_logits
from lightning_infogeo.distances.paired import hellinger as hellinger
from lightning_infogeo.distances.paired import hellinger_from_logits as hellinger_from_logits
from lightning_infogeo.distances.pairwise import pairwise_arc as pairwise_arc
from lightning_infogeo.distances.pairwise import pairwise_bhattacharyya as pairwise_bhattacharyya
from lightning_infogeo.distances.pairwise import pairwise_hellinger as pairwise_hellinger
