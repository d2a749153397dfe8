import pytest
import torch

from lightning_infogeo import arc, bhattacharyya, hellinger, pairwise_arc, pairwise_bhattacharyya, pairwise_hellinger
from tests.contracts import PairwiseContract


class TestBhattacharyya(PairwiseContract):
    pairwise, paired = staticmethod(pairwise_bhattacharyya), staticmethod(bhattacharyya)

    def test_eight_disjoint_samples_in_one_logarithm_do_not_underflow(self):
        a = torch.eye(2).unsqueeze(1).expand(2, 17, 2)
        torch.testing.assert_close(pairwise_bhattacharyya(a)[0, 1], bhattacharyya(a[0], a[1]).double())


class TestHellinger(PairwiseContract):
    pairwise, paired = staticmethod(pairwise_hellinger), staticmethod(hellinger)


class TestArc(PairwiseContract):
    pairwise, paired = staticmethod(pairwise_arc), staticmethod(arc)


@pytest.mark.parametrize("other", [torch.ones(2, 3, 5), torch.ones(2, 4, 4), torch.ones(3, 4)])
def test_shapes_that_do_not_fit_are_named(other):
    with pytest.raises(ValueError, match=r"same N and C.*\(2, 3, 4\) and"):
        pairwise_bhattacharyya(torch.ones(2, 3, 4), other)


def test_a_matrix_product_in_float32_would_lose_close_records():
    """Negative control for the accuracy of close records."""
    walk = PairwiseContract().walk(step=1e-4)
    a = walk.float()
    naive = -torch.einsum("tnc,snc->tsn", a, a).log().mean(-1)
    exact = bhattacharyya(walk[:, None], walk[None])
    off = ~torch.eye(9, dtype=torch.bool)
    assert (naive[off] / exact[off] - 1).abs().max() > 1
