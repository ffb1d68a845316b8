import pytest
import torch

from privattack.models.costs import Work, Workers, rates


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
    workers = Workers(at_once, start=4.0, price=0.0)
    assert 3600 * workers.hours(models, seconds=10.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("models", "at_once", "seconds", "paid"),
    [(0, 2, 0, 0), (3, 2, 34, 34), (5, 1, 58, 58), (9, 2, 58, 102), (16, 2, 88, 176), (16, 64, 44, 176)],
)
def test_jobs_train_models_in_a_row_and_start_anew_and_are_paid_while_they_work(models, at_once, seconds, paid):
    jobs = Workers(at_once, in_a_row=4, anew=True, start=4.0, price=3.0)
    assert 3600 * jobs.hours(models, seconds=10.0) == pytest.approx(seconds)
    assert jobs.money(models, seconds=10.0) == pytest.approx(3.0 * paid / 3600)
