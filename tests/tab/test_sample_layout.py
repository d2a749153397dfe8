"""What is written of samples fits the budget, for any number of samples and classes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lightning_infogeo.tab import laid_out, pictures_of
from lightning_infogeo.tab.sample_layout import LEAST, RECORDS, SampleLayout


@given(st.integers(1, 5000), st.integers(2, 60_000), st.integers(1, 4), st.integers(300_000, 50_000_000))
def test_a_hundred_records_fit_the_budget_wherever_the_fewest_samples_do(samples, classes, probes, budget):
    layouts = laid_out({str(k): (samples, classes, classes) for k in range(probes)}, budget)
    total = sum(layout.nbytes for layout in layouts.values()) * RECORDS
    fewest = all(layout.written == min(samples, LEAST) and layout.width <= 64 for layout in layouts.values())
    assert total <= budget or fewest
    for layout in layouts.values():
        assert 1 <= layout.written <= samples
        assert layout.sketched == (layout.width < classes)


def test_an_ordinary_classifier_is_written_whole():
    assert laid_out({"val": (512, 10, 10)}, 8_000_000) == {"val": SampleLayout(512, 10, 10, 512, 10)}


@given(st.integers(2, 500), st.integers(1, 500))
def test_fewer_samples_are_spread_evenly(samples, written):
    layout = SampleLayout(samples, 2, 2, min(written, samples), 2)
    indices = torch.arange(samples) if layout.indices is None else layout.indices
    gaps = indices.diff()
    assert len(indices) == min(written, samples)
    assert indices[0] == 0
    assert len(gaps) == 0 or (gaps.min() >= 1 and gaps.max() - gaps.min() <= 1)


class TestPictures:
    @pytest.mark.parametrize("shape", [(5, 1, 8, 8), (5, 8, 8), (5, 3, 8, 12), (5, 8, 12, 3)])
    def test_of_images_in_either_order(self, shape):
        images = torch.rand(shape)
        indices, pictures = pictures_of([images], room=10**6)
        assert indices.tolist() == [0, 1, 2, 3, 4]
        colours = 3 if 3 in shape else 1
        assert pictures.shape == (5, 8, shape[3] if shape[1] == 3 else shape[2], colours)
        assert pictures.dtype == torch.uint8

    def test_grey_levels_are_those_of_the_images(self):
        images = torch.arange(4 * 16).reshape(4, 1, 4, 4).float()
        _, pictures = pictures_of([images], room=10**6)
        torch.testing.assert_close(pictures.flatten().float(), torch.linspace(0, 255, 64).round())

    def test_each_colour_has_its_own(self):
        images = torch.stack([torch.rand(6, 5, 5) * scale for scale in (1, 10, 100)], dim=1)
        _, pictures = pictures_of([images], room=10**6)
        assert pictures.amax((0, 1, 2)).tolist() == [255] * 3
        assert pictures.amin((0, 1, 2)).tolist() == [0] * 3

    def test_large_ones_are_averaged(self):
        images = torch.zeros(1, 1, 64, 64)
        images[0, 0, :32] = 1
        _, pictures = pictures_of([images], room=10**6)
        assert pictures.shape == (1, 32, 32, 1)
        assert pictures[0, :16].unique().tolist() == [255]
        assert pictures[0, 16:].unique().tolist() == [0]

    @given(st.integers(1, 50), st.integers(0, 5000))
    def test_they_fit_the_room(self, count, room):
        found = pictures_of([torch.rand(count, 1, 8, 8)], room)
        assert (found is None) == (room < 64)
        if found is not None:
            assert found[1].numel() <= room
            assert len(found[0]) == min(count, room // 64)

    def test_among_some_inputs(self):
        images = torch.arange(10.0)[:, None, None, None].expand(10, 1, 4, 4)
        indices, pictures = pictures_of([images], 10**6, among=torch.tensor([3, 7]))
        assert indices.tolist() == [3, 7]
        assert pictures[:, 0, 0, 0].tolist() == [0, 255]

    @pytest.mark.parametrize(
        "inputs",
        [torch.rand(5, 64), torch.rand(5, 7, 9), torch.rand(5, 4, 8, 8), torch.rand(5, 1, 8, 2), ["a", "b"], {}],
    )
    def test_what_is_no_image_has_none(self, inputs):
        assert pictures_of([inputs], 10**6) is None

    def test_of_several_batches_they_are_those_of_all_together(self):
        images = torch.rand(50, 1, 8, 8)
        whole, parts = pictures_of([images], 64 * 20), pictures_of(images.split(7), 64 * 20)
        for one, other in zip(whole, parts, strict=True):
            assert torch.equal(one, other)

    def test_of_images_of_several_sizes_there_are_none(self):
        assert pictures_of([torch.rand(2, 1, 8, 8), torch.rand(2, 1, 9, 9)], 10**6) is None

    def test_what_is_not_finite_is_shown_all_the_same(self):
        images = torch.rand(3, 1, 4, 4)
        images[0, 0, 0, 0], images[1, 0, 0, 0] = torch.nan, torch.inf
        _, pictures = pictures_of([images], 10**6)
        assert pictures.shape == (3, 4, 4, 1)
