"""What happens to single samples over a training: learnt, forgotten, moved, and likely mislabelled.

Of a multi-label probe (``Bernoulli``) a sample is one label of one input, with two classes; of ``Tokens``, a position.
"""

from lightning_infogeo.samples.cartography import Cartography as Cartography
from lightning_infogeo.samples.cartography import cartography as cartography
from lightning_infogeo.samples.forgetting import ForgettingEvents as ForgettingEvents
from lightning_infogeo.samples.forgetting import forgetting_events as forgetting_events
from lightning_infogeo.samples.margins import area_under_margin as area_under_margin
from lightning_infogeo.samples.movement import Movement as Movement
from lightning_infogeo.samples.movement import moved as moved
from lightning_infogeo.samples.reading import FiniteRecords as FiniteRecords
from lightning_infogeo.samples.reading import read_answers as read_answers
