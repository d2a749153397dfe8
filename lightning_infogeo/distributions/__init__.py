"""The meaning of a model's outputs (categorical, Bernoulli, tokens), and amplitudes: square roots of probabilities."""

from lightning_infogeo.distributions.bernoulli import Bernoulli as Bernoulli
from lightning_infogeo.distributions.bits_per_byte import bits_per_byte as bits_per_byte
from lightning_infogeo.distributions.categorical import Categorical as Categorical
from lightning_infogeo.distributions.distribution import IGNORED as IGNORED
from lightning_infogeo.distributions.distribution import Distribution as Distribution
from lightning_infogeo.distributions.logits import amplitudes as amplitudes
from lightning_infogeo.distributions.logits import distance_to_truth as distance_to_truth
from lightning_infogeo.distributions.logits import distances_to_truth as distances_to_truth
from lightning_infogeo.distributions.logits import entropies as entropies
from lightning_infogeo.distributions.logits import entropy as entropy
from lightning_infogeo.distributions.logits import finite as finite
from lightning_infogeo.distributions.logits import log_probabilities as log_probabilities
from lightning_infogeo.distributions.logits import minus_half_logs as minus_half_logs
from lightning_infogeo.distributions.logits import precise as precise
from lightning_infogeo.distributions.selection import Selection as Selection
from lightning_infogeo.distributions.suspicion import Suspicion as Suspicion
from lightning_infogeo.distributions.tokens import Tokens as Tokens
