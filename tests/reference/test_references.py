"""A run on the path of its reference is at no distance from it; lead is what the clocks say."""

import numpy as np
import pytest
import torch

from lightning_infogeo.archive import ArchiveWriter, Folder, Row
from lightning_infogeo.distances import bhattacharyya
from lightning_infogeo.geodesics import geodesic, ignorance, progress, truth
from lightning_infogeo.reference import against, chart, reference
from lightning_infogeo.trajectory import Trajectory

LABELS = torch.arange(12) % 4
LIKE = torch.zeros(12, 4)


def on_the_way(t, aside=0.0):
    """The point at ``t`` of the geodesic to truth, tilted towards the class after the right one."""
    way = geodesic(ignorance(LIKE), truth(LABELS, LIKE), torch.as_tensor(t))
    return torch.nn.functional.normalize(way + aside * truth((LABELS + 1) % 4, LIKE), dim=-1)


def run(path, pace, aside=0.0, steps=range(0, 101, 4), labels=True, nan_at=None):
    """An archived run that is at progress ``pace(step)``."""
    writer = ArchiveWriter(Folder(path), {})
    constants = {"labels": LABELS.numpy()} if labels else None
    writer.add("val", ["length"], {"fingerprint": "f"}, (12, 4), constants=constants)
    for step in steps:
        values = on_the_way(float(pace(step)), aside).numpy()
        lost = step == nan_at
        writer.append(step, {"val": Row([np.nan if lost else step], values * np.nan if lost else values)})
    writer.commit()
    writer.close()
    return Trajectory.open(path)


def told(made, step, amplitudes):
    reached = progress(amplitudes, ignorance(LIKE), truth(LABELS, LIKE))
    return against(made, step, amplitudes, reached).tolist()


def test_on_the_same_path_at_half_the_pace(tmp_path):
    made = reference([run(tmp_path / "r", lambda step: step / 100)])
    for t in (0.2, 0.5, 0.83):
        distance, lead = told(made, int(200 * t), on_the_way(t))
        assert distance == pytest.approx(0, abs=1e-5)
        assert lead == pytest.approx(100 * t - int(200 * t), abs=0.2)


def test_twice_as_fast_is_ahead(tmp_path):
    made = reference([run(tmp_path / "r", lambda step: step / 100)])
    _, lead = told(made, 25, on_the_way(0.5))
    assert lead == pytest.approx(25, abs=0.2)


def test_the_distance_is_that_at_equal_progress(tmp_path):
    made = reference([run(tmp_path / "r", lambda step: step / 100)])
    here = on_the_way(0.4, aside=0.5)
    reached = progress(here, ignorance(LIKE), truth(LABELS, LIKE))
    expected = float(bhattacharyya(on_the_way(reached), here))
    assert expected > 0.01
    assert told(made, 40, here)[0] == pytest.approx(expected, rel=1e-3)


def test_of_several_the_nearest_counts(tmp_path):
    fast = run(tmp_path / "a", lambda step: min(step / 50, 1), aside=0.3)
    slow = run(tmp_path / "b", lambda step: step / 200)
    made = reference([fast, slow])
    distance, lead = told(made, 10, on_the_way(0.4))
    assert distance == pytest.approx(0, abs=1e-5)
    assert lead == pytest.approx(80 - 10, abs=0.5)
    distance, lead = told(made, 10, on_the_way(0.4, aside=0.3))
    assert distance == pytest.approx(0, abs=1e-3)
    assert lead < 30


def test_beyond_the_reference_there_is_no_lead(tmp_path):
    made = reference([run(tmp_path / "r", lambda step: 0.6 * step / 100)])
    assert np.isnan(told(made, 10, on_the_way(0.8))[1])
    assert not np.isnan(told(made, 10, on_the_way(0.5))[1])


def test_records_that_were_not_finite_are_left_out(tmp_path):
    whole = reference([run(tmp_path / "a", lambda step: step / 100)])
    holed = reference([run(tmp_path / "b", lambda step: step / 100, nan_at=48)])
    assert holed.tables.isfinite().all()
    torch.testing.assert_close(whole.steps, holed.steps, atol=0.2, rtol=0)
    assert len(chart([run(tmp_path / "c", lambda step: step / 100, nan_at=48)]).points) == 25


def test_a_prediction_that_is_not_finite_gives_nan(tmp_path):
    made = reference([run(tmp_path / "r", lambda step: step / 100)])
    assert against(made, 3, torch.full((12, 4), torch.nan), torch.tensor(torch.nan)).isnan().all()


def test_a_reference_without_labels_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"'r' has no labels"):
        reference([run(tmp_path / "r", lambda step: step / 100, labels=False)])


def test_one_record_is_enough(tmp_path):
    made = reference([run(tmp_path / "r", lambda step: 0.3, steps=[5])])
    distance, _ = told(made, 1, on_the_way(0.3))
    assert distance == pytest.approx(0, abs=1e-5)


def test_it_reads_nothing_back(tmp_path):
    made = reference([run(tmp_path / "r", lambda step: step / 100)])
    meta = type(made)(*(tensor.to("meta") for tensor in made))
    vector = against(meta, 3, on_the_way(0.4).to("meta"), torch.zeros((), device="meta"))
    assert vector.shape == (2,)


def test_the_chart_holds_all_references_and_places_others_on_it(tmp_path):
    runs = [run(tmp_path / name, lambda step: step / 100, aside=aside) for name, aside in (("a", 0.0), ("b", 0.4))]
    made = chart(runs, records=20)
    assert made.member.tolist() == [0] * 10 + [1] * 10
    torch.testing.assert_close(made.points[0], on_the_way(0.0), atol=1e-6, rtol=0)
    torch.testing.assert_close(made.points[9], on_the_way(1.0), atol=1e-6, rtol=0)
    from lightning_infogeo.distances import pairwise_bhattacharyya

    again = made.embedding.transform(pairwise_bhattacharyya(made.points[3:5], made.points))
    torch.testing.assert_close(again, made.embedding.coordinates[3:5])
