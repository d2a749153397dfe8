"""The probe: a few fixed inputs, how they are chosen, and how a model is evaluated on them without side effects."""

from lightning_infogeo.probe.choosing import Chosen as Chosen
from lightning_infogeo.probe.discovery import SourceSize as SourceSize
from lightning_infogeo.probe.discovery import discover as discover
from lightning_infogeo.probe.discovery import held_out as held_out
from lightning_infogeo.probe.discovery import source_size as source_size
from lightning_infogeo.probe.discovery import source_sizes as source_sizes
from lightning_infogeo.probe.evaluation import Evaluator as Evaluator
from lightning_infogeo.probe.evaluation import check_labels as check_labels
from lightning_infogeo.probe.evaluation import out_of_memory as out_of_memory
from lightning_infogeo.probe.fsdp import recovers as recovers
from lightning_infogeo.probe.further import Further as Further
from lightning_infogeo.probe.further import without_further as without_further
from lightning_infogeo.probe.inputs import Inputs as Inputs
from lightning_infogeo.probe.probe import Probe as Probe
from lightning_infogeo.probe.probe import same_labels as same_labels
from lightning_infogeo.probe.sampling import training_batch_size as training_batch_size
from lightning_infogeo.probe.splitting import ADVICE as ADVICE
from lightning_infogeo.probe.splitting import Split as Split
from lightning_infogeo.probe.structure import cut as cut
from lightning_infogeo.probe.structure import leaves as leaves
from lightning_infogeo.probe.structure import map_leaves as map_leaves
from lightning_infogeo.probe.structure import nbytes as nbytes
from lightning_infogeo.probe.transfer import place_all as place_all
from lightning_infogeo.probe.transfer import place_further as place_further
