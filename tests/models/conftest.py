"""Shadow banks and trainings of targets for tests."""

from dataclasses import replace

import pytest

from privattack.data.images import DataSet
from privattack.models.architecture import Architecture
from privattack.models.engines.processes import Processes
from privattack.models.shadow_bank import BankOrder, BankSettings, ShadowBank
from privattack.models.store import ModelStore
from privattack.models.target_training import train_target
from tests.models import trainings
from tests.models.banks import CPU, RECIPE, mlp


@pytest.fixture
def data(make_images):
    return DataSet("blocks", 10, make_images(80), make_images(30, seed=1), "c0ffee", (0.1307,), (0.3081,))


@pytest.fixture
def pool(make_images):
    return make_images(40, seed=2)


@pytest.fixture
def obtain(data, pool, tmp_path):
    """Return a function that obtains a bank from one store; in this process, unless told otherwise."""

    def call(
        count: int = 4, *, build=mlp, processes: int = 1, engine=None, store="store", seed: int = 0, **changes
    ) -> ShadowBank:
        settings = BankSettings(count, replace(RECIPE, **changes), seed, engine or Processes(processes=processes))
        return BankOrder(
            Architecture(build, {}, (0.1307,), (0.3081,)),
            data,
            pool,
            settings,
            store=ModelStore(tmp_path / store),
            device=CPU,
        ).obtain()

    return call


@pytest.fixture
def order(data, pool, tmp_path):
    """Return a bank of two models that nobody has trained yet."""
    architecture = Architecture(mlp, {}, (0.1307,), (0.3081,))
    settings = BankSettings(2, RECIPE, 0, Processes(processes=1))
    return BankOrder(architecture, data, pool, settings, store=ModelStore(tmp_path / "order"), device=CPU)


@pytest.fixture
def fitted(make_images, tmp_path):
    """Return a function that trains a network on 70 images, watched by 40."""

    def call(network, *, train=train_target, checkpoint="training.ckpt", **changes):
        recipe, parts = replace(trainings.RECIPE, **changes), (make_images(70), make_images(40, seed=1))
        return train(network, recipe, *parts, seed=2, device=CPU, checkpoint=tmp_path / checkpoint)

    return call
