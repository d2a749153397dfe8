"""Which weights of a tensor are followed."""

import pytest
import torch

from lightning_infogeo.parameters import weights


@pytest.mark.parametrize("shape", [(64, 64), (1000, 32), (32, 1000), (5,), (233, 377), (512, 4096), (500, 400)])
def test_weights_are_followed_evenly_and_none_twice(shape):
    tensor = torch.arange(float(torch.Size(shape).numel())).view(shape)
    sizes = weights.followed_sizes([[tensor]], 500)
    found = weights.followed([[tensor]], sizes, torch.float32)
    assert torch.equal(found, weights.followed([[tensor]], sizes, torch.float32))
    assert found.shape == (1, min(500, tensor.numel()))
    assert len(found.unique()) == found.shape[1]
    for dim in range(tensor.dim()):
        places = torch.unravel_index(found[0].long(), shape)[dim].double() / shape[dim]
        assert torch.histc(places, 4, 0, 1).min() > 0.8 * found.shape[1] / 4 - 1


def test_tensors_are_followed_in_proportion():
    groups = [[torch.ones(3000), torch.ones(1000, 1)], [torch.ones(0), torch.ones(3)]]
    assert weights.followed_sizes(groups, 100) == [[75, 25], [0, 3]]
    found = weights.followed(groups, [[75, 25], [0, 3]], torch.float32)
    assert found.sum(1).tolist() == [100, 3]


@pytest.mark.parametrize("format", [torch.contiguous_format, torch.channels_last])
def test_dense_tensors_of_any_layout_are_not_copied(format):
    tensor = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=format)
    flat = weights.flattened(tensor)
    assert flat.data_ptr() == tensor.data_ptr()
    assert torch.equal(flat.sort().values, tensor.flatten().sort().values)
    assert weights.flattened(tensor[:, :, ::2]).shape == (180,)


def test_moments_keep_their_digits_far_from_zero():
    x = 1000 + 1e-3 * torch.randn(50_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sizes = torch.tensor([len(x)])
    mean, variance = weights.moments([[x]], x.aminmax().max[None], sizes, lambda tensor, _: tensor)
    torch.testing.assert_close(mean[0], x.mean(), rtol=1e-15, atol=0)
    torch.testing.assert_close(variance[0], x.var(correction=0), rtol=1e-12, atol=0)
