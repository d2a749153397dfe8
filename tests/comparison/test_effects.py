"""What sets runs apart: each factor once, under the name a reader knows, and in words which one matters most."""

import math

import pytest
import torch

from lightning_infogeo.comparison.effects import effects, what_sets_runs_apart
from lightning_infogeo.comparison.grouping import factors, grouping

# Two models 10 apart, the second seed 1 further: 0, 1 and 10, 11.
PLACES = [0, 1, 10, 11]
METADATA = [
    {"model": model, "parameters": size, "optimizers": [{"lr": rate}], "hyperparameters": {"lr": rate}, "lr": rate}
    for model, size in (("cnn", 100), ("mlp", 900))
    for rate in (0.1, 0.2)
]


def found(places=PLACES, metadata=METADATA, keys=None):
    x = torch.tensor(places, dtype=torch.float64)
    distances = (x[:, None] - x).abs()
    return effects({key: grouping(distances, key, metadata) for key in keys or factors(metadata)})


def test_the_table_is_that_worked_out_by_hand():
    model, rate = found()
    assert (model.key, rate.key) == ("model", "lr")
    assert model.aliases == ("parameters",)
    assert rate.aliases == ("hyperparameters.lr", "optimizers")
    # Models: within 1, 1; between 10, 11, 9, 10; alone 10, 10. Rates: within 10, 10; between 1, 11, 9, 1; alone 1, 1.
    assert (model.groups.within, model.groups.between, model.groups.alone) == (1, 10, 10)
    assert (rate.groups.within, rate.groups.between, rate.groups.alone) == (10, 5.5, 1)
    assert (model.ratio, rate.ratio) == (10, 0.55)
    # Of the three ways to pair four runs one is that of the models.
    assert model.groups.p_value == pytest.approx(1 / 3)
    assert what_sets_runs_apart([model, rate]) == (
        "Runs differ most by model: two runs that differ in it are 10.0 times as far apart as two that agree in it. "
        f"This may be chance: of runs assigned to model at random, {model.groups.p_value:.0%} are as far apart."
    )
    sure = model._replace(groups=model.groups._replace(p_value=0.01))
    assert what_sets_runs_apart([sure, rate]).endswith("as two that agree in it.")


def test_one_name_is_one_factor_where_values_agree_and_the_fuller_key_stands_for_it():
    metadata = [{"lr": 0.1}, {"lr": 0.1, "net": {"lr": 0.1}}, {"lr": 0.2}, {"lr": 0.2, "net": {"lr": 0.2}}]
    (rate,) = found(metadata=metadata)
    assert (rate.key, rate.aliases) == ("lr", ("net.lr",))
    metadata[3] = {"lr": 0.2, "net": {"lr": 0.7}}
    assert {effect.key for effect in found(metadata=metadata)} == {"lr", "net.lr"}


def test_keys_of_one_name_that_no_run_has_both_of_stay_apart():
    """Nothing says that they mean the same, and neither groups all runs."""
    metadata = [{"lr": 1}, {"lr": 1}, {"net": {"lr": 1}}, {"net": {"lr": 2}}]
    assert {effect.key for effect in found(metadata=metadata)} == {"lr", "net.lr"}


def test_a_finer_factor_is_another():
    metadata = [{"optimizer": o, "optimizers": [o, rate]} for o, rate in (("a", 1), ("a", 2), ("b", 1), ("b", 1))]
    assert {effect.key for effect in found(metadata=metadata)} == {"optimizer", "optimizers"}


def test_a_factor_that_matters_most_alone_is_said_as_well():
    """Every run of the second model has the other rate: their effects cannot be told apart, the seed's can."""
    metadata = [{"model": m, "seed": s} for m, s in (("a", 0), ("a", 1), ("b", 0), ("b", 2))]
    model, seed = found(places=[0, 1, 12, 19], metadata=metadata)
    assert (model.key, seed.key) == ("model", "seed")
    assert model.groups.alone == 12
    assert seed.groups.alone == pytest.approx((1 + 7) / 2)
    assert "in one factor alone" not in what_sets_runs_apart([model, seed])
    stronger = seed._replace(groups=seed.groups._replace(alone=13.0))
    assert "Between runs that differ in one factor alone, seed matters most: 13 nats." in what_sets_runs_apart(
        [model, stronger]
    )


def test_where_nothing_sets_runs_apart_this_is_said():
    (model,) = found(places=[0, 10, 0, 10], metadata=[{"model": m} for m in "aabb"])
    assert model.ratio < 1
    assert what_sets_runs_apart([model]).startswith("No factor sets the runs apart")
    assert what_sets_runs_apart([]) == ""


def test_a_ratio_without_pairs_or_without_distance_is_no_number():
    (name,) = found(metadata=[{"name": k} for k in range(4)], keys=["name"])
    assert math.isnan(name.ratio)
    (model,) = found(places=[0, 0, 5, 5], metadata=[{"model": m} for m in "aabb"])
    assert math.isnan(model.ratio)
    assert what_sets_runs_apart([name]) == ""
