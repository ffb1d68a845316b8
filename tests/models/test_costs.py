import pytest
import torch

from privattack.models.costs import Work, hours, rates


def address(**changes) -> dict:
    return {"network": "lenet", "recipe": {"batch_size": 64, "epochs": 1, "lr": 1.0, **changes}}


def kept(network: str, seconds: float, **work: int) -> tuple[dict, dict]:
    cost = Work(**work).cost(seconds, torch.device("cpu"))
    return address() | {"network": network}, cost


def test_a_rate_is_of_one_network_and_recipe_and_holds_for_longer_trainings():
    runs = [
        kept("lenet", 11.0, members=1000, epochs=10, answered=3000),
        kept("mlp", 99.0, members=1, epochs=1, answered=0),
    ]
    (rate,) = rates([*runs, ({"network": "lenet", "checkpoint": "x"}, {})], address(epochs=9, lr=0.1)).values()
    assert rate.measured == 1
    assert rate.seconds * Work(2000, 50, 3000).images == pytest.approx(101.0)
    assert rates(runs, address(batch_size=32)) == rates(runs, address(precision="bf16")) == {}


@pytest.mark.parametrize(
    ("models", "at_once", "expected"), [(0, 2, 0), (1, 2, 14), (4, 2, 24), (5, 2, 34), (5, 64, 14)]
)
def test_models_side_by_side_take_as_many_rounds_as_there_are(models, at_once, expected):
    assert 3600 * hours(models, at_once=at_once, seconds=10.0, start=4.0) == pytest.approx(expected)
