"""What the settings say of a training, and which settings cannot work."""

import json

import pytest
import torch

from privattack.audits.training import check_recipe, check_trainer, recipe_of
from privattack.errors import UserError
from tests.composing import composed

SGD = "target.optimizer={_target_: torch.optim.SGD, momentum: 0.9}"
TWO = ["trainer=cpu", "trainer.lightning=true", "trainer.devices=2"]
COSINE = "target.scheduler={_target_: torch.optim.lr_scheduler.CosineAnnealingLR}"


def test_the_default_is_the_studys_recipe_with_the_address_that_stored_models_have():
    told = {"class": "Supervised", "version": 1, "lr": 1.0, "gamma": 0.7, "epochs": 25, "batch_size": 64}
    assert recipe_of(composed(), "target").address == told


def test_any_optimiser_and_scheduler_of_torch_can_be_named():
    words = [SGD, COSINE, "target.lr=0.1", "target.epochs=7"]
    recipe = recipe_of(composed(*words, "attack=lira"), "shadow")
    optimiser = recipe.optimised([torch.nn.Parameter(torch.zeros(2))])
    assert (optimiser.defaults["lr"], optimiser.defaults["momentum"]) == (0.1, 0.9)
    assert recipe.scheduled(optimiser).T_max == 7
    assert json.dumps(recipe.address)
    steps = "target.scheduler={_target_: torch.optim.lr_scheduler.MultiStepLR, milestones: [3]}"
    recipe = recipe_of(composed(SGD, steps, "target.gamma=0.2"), "target")
    assert recipe.scheduled(recipe.optimised([torch.nn.Parameter(torch.zeros(2))])).gamma == 0.2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([SGD, "+target.optimizer.lr=3"], r"target\.optimizer\.lr: is said by target\.lr; set that\."),
        (
            ["target.optimizer={_target_: torch.optim.LBFGS}"],
            r"target\.optimizer\._target_=torch\.optim\.LBFGS: cannot train \(TypeError: .*closure.*\); use one of",
        ),
        (
            ["target.optimizer={_target_: torch.optim.SGD, momentun: 0.9}"],
            r"target\.optimizer\._target_=torch\.optim\.SGD: cannot train \(TypeError: .*momentun.*\); use one of",
        ),
        (
            ["target.scheduler={_target_: torch.optim.lr_scheduler.ReduceLROnPlateau}"],
            r"target\.scheduler\._target_=torch\.optim\.lr_scheduler\.ReduceLROnPlateau: cannot train \(TypeError",
        ),
        (
            ["target.optimizer={_target_: torch.optim.Nothing}"],
            r"target\.optimizer\._target_=torch\.optim\.Nothing: cannot be imported",
        ),
        (["trainer.devices=2"], r"trainer\.devices: is for Lightning's Trainer only; set trainer\.lightning=true"),
        (
            ["trainer.callbacks={one: {_target_: lightning.pytorch.callbacks.EarlyStopping}}"],
            r"trainer\.callbacks: is for Lightning's Trainer only; set trainer\.lightning=true",
        ),
    ],
)
def test_a_training_that_cannot_work_is_refused_in_a_sentence(words, sentence):
    with pytest.raises(UserError, match=rf"^{sentence}") as caught:
        recipe_of(composed(*words), "target")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["target.crop=2", "trainer.lightning=true"],
            r"trainer\.lightning=true: Lightning trains on images as they are;",
        ),
        (
            ["target.precision=bf16", "trainer.lightning=true"],
            r"trainer\.lightning=true: .* leave out target\.precision",
        ),
        (
            ["trainer.lightning=true", "trainer.strategy=ddp_spawn"],
            r"trainer\.strategy: is for several devices; set trainer\.devices",
        ),
        (["trainer.lightning=true", "trainer.devices=9999"], r"trainer\.devices=9999: there are \d+ here; use no more"),
        (
            ["trainer=cpu", "trainer.lightning=true", "trainer.precision=16-mixed"],
            r"trainer\.precision=16-mixed: is for GPUs; use bf16-mixed",
        ),
        (
            ["trainer.levers=[compile]", "trainer.lightning=true"],
            r"trainer\.lightning=true: .* leave out trainer\.levers",
        ),
        (
            [*TWO, "trainer.strategy=fsdp"],
            r"trainer\.devices=2: cannot train with trainer\.strategy=fsdp here \(.*GPU.*\); use others",
        ),
        (
            [*TWO, "trainer.strategy=nothing"],
            r"trainer\.devices=2: cannot train with trainer\.strategy=nothing here \(.*\); use others",
        ),
        (
            [*TWO, "trainer.strategy={_target_: lightning.pytorch.strategies.ModelParallelStrategy}"],
            r"trainer\.strategy=ModelParallelStrategy: does not have several devices leave one checkpoint",
        ),
        ([*TWO, "trainer.strategy=single_device"], r"trainer\.strategy=single_device: does not have several devices"),
        ([*TWO, "trainer.strategy=xla"], r"trainer\.devices=2: cannot train with trainer\.strategy=xla here"),
        (
            [*TWO, "trainer.strategy={_target_: lightning.pytorch.callbacks.Timer}"],
            r"trainer\.strategy\._target_=lightning\.pytorch\.callbacks\.Timer: makes a Timer; .* a Strategy",
        ),
    ],
)
def test_a_trainer_that_cannot_train_is_refused_in_a_sentence(words, sentence):
    with pytest.raises(UserError, match=rf"^{sentence}") as caught:
        check_trainer(composed(*words))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("word", ["flips=true", "crop=1", "optimizer={_target_: torch.optim.Adam}"])
def test_shadow_models_of_another_recipe_are_refused(word):
    with pytest.raises(UserError, match=rf"^shadow\.{word.partition('=')[0]}=.*: the target is trained with target\."):
        check_recipe(composed("attack=lira", f"shadow.{word}"))
    check_recipe(composed("attack=lira", f"target.{word}"))
