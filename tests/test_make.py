import pytest
import torch
from omegaconf import OmegaConf

from privattack.attacks.membership.shadow import ShadowAttack
from privattack.defences.base import Defence
from privattack.defences.flatten import Flatten
from privattack.errors import UserError
from privattack.make import check_network, make
from privattack.models.networks import MLP

FLATTEN = "privattack.defences.flatten.Flatten"
LIRA = "privattack.attacks.membership.lira.Lira"


def test_a_class_gets_its_settings_as_plain_values():
    made = make(OmegaConf.create({"defence": {"_target_": FLATTEN, "low": 0, "key": 3}}), "defence", Defence)
    assert isinstance(made, Flatten)
    assert (made.low, made.key) == (0, 3)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"_target_": FLATTEN, "margin": None}, r"defence\.margin=null: needs a number from 1e-06 to 1\."),
        ({"_target_": FLATTEN, "low": 0.2}, r"defence\.low=0\.2, defence\.high=0\.1: need numbers with 0 <= low"),
        ({"_target_": FLATTEN, "lo": 0.2}, rf"defence\._target_={FLATTEN}: does not take the settings .* 'lo'\); use"),
        (
            {"_target_": "privattack.nowhere.X"},
            r"defence\._target_=privattack\.nowhere\.X: cannot be imported \(.*\); name",
        ),
        ({"_target_": "builtins.dict"}, r"defence\._target_=builtins\.dict: makes a dict; name .* makes a Defence\."),
        ({"_target_": FLATTEN, "_partial_": True}, rf"defence\._target_={FLATTEN}: makes a .*; name .* Defence\."),
    ],
)
def test_what_cannot_be_made_is_one_sentence_that_says_where_it_stands(settings, sentence):
    with pytest.raises(UserError, match=f"^{sentence}"):
        make(OmegaConf.create({"defence": settings}), "defence", Defence)


def test_a_member_of_a_suite_is_named_by_its_full_name():
    suite = {
        "_target_": "privattack.attacks.membership.suite.Suite",
        "attacks": {"lira": {"_target_": LIRA, "variance": "wide"}},
    }
    with pytest.raises(
        UserError, match=r"^attack\.attacks\.lira\.variance=wide: needs one of auto, per_image, global\.$"
    ):
        make(OmegaConf.create({"attack": suite}), "attack", ShadowAttack)


def broken():
    raise TypeError("first\nsecond")


class TupleInTraining(MLP):
    """Answers more in training than afterwards, as networks with auxiliary classifiers do."""

    def forward(self, images):
        logits = super().forward(images)
        return (logits, logits) if self.training else logits


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (broken, r"cannot be built \(TypeError: first\); it needs to be a class or a function that makes an untrained"),
        (dict, r"makes a dict; it needs to be a class or a function that makes an untrained network with weights\.$"),
        (torch.nn.Identity, r"makes a Identity; it needs to be"),
        (
            lambda: torch.nn.Linear(28, 10),
            r"answers a tensor \(2, 1, 28, 10\) for images \(2, 1, 28, 28\); it needs to",
        ),
        (lambda: torch.nn.Linear(784, 10), r"cannot take images \(2, 1, 28, 28\) \(RuntimeError: mat1 and mat2 shapes"),
        (lambda: TupleInTraining(classes=10), r"answers a tuple for images \(2, 1, 28, 28\); .* logits \(2, 10\)\.$"),
    ],
)
def test_a_network_that_cannot_classify_the_images_is_refused_before_it_is_trained(build, said):
    config = OmegaConf.create({"surrogate": {"network": {"_target_": "mine.Net"}}})
    with pytest.raises(UserError, match=rf"^surrogate\.network\._target_=mine\.Net: {said}") as caught:
        check_network(config, "surrogate.network", build, (1, 28, 28), 10)
    assert "\n" not in str(caught.value)


def test_looking_at_a_network_draws_no_random_number_of_the_run():
    config = OmegaConf.create({"target": {"network": {"_target_": "MLP"}}})
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    check_network(config, "target.network", lambda: MLP(classes=10), (1, 28, 28), 10)
    assert torch.equal(torch.rand(3), expected)
