"""A few images through a classifier before anything is trained."""

import pytest
import torch

from privattack.errors import UserError
from privattack.models.dry_run import Output, dry_run

IMAGES = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(0))
LOGITS = torch.randn(40, 5, generator=torch.Generator().manual_seed(1))
ANSWERS = {
    Output.LOGITS: LOGITS,
    Output.LOG_PROBABILITIES: LOGITS.log_softmax(dim=1),
    Output.PROBABILITIES: LOGITS.softmax(dim=1),
}


@pytest.mark.parametrize("output", Output)
def test_what_a_model_answers_is_told_and_comes_to_the_same_log_probabilities(output):
    found, classes = dry_run(lambda pixels: ANSWERS[output][: len(pixels)], IMAGES, setting="model")
    assert (found, classes) == (output, 5)
    expected = LOGITS.double().log_softmax(dim=1).float()
    assert torch.allclose(found.log_probabilities(ANSWERS[output]), expected, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_probabilities_of_any_precision_are_told(dtype):
    # bfloat16 has three digits: its probabilities miss a sum of 1 by as much.
    answers = torch.eye(5)[torch.arange(40) % 5].to(dtype)
    assert dry_run(lambda pixels: answers[: len(pixels)], IMAGES, setting="model").output is Output.PROBABILITIES


def test_a_probability_of_zero_has_a_finite_logarithm():
    assert Output.PROBABILITIES.log_probabilities(torch.tensor([[0.0, 1.0]])).isfinite().all()


def test_the_ambient_generator_is_left_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    dry_run(lambda pixels: torch.rand(len(pixels), 5), IMAGES, setting="model")
    assert torch.equal(torch.rand(3), expected)


def fail(_):
    raise KeyError("first\nsecond")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (fail, "cannot take images (32, 1, 4, 4) (KeyError: 'first\\nsecond')"),
        (lambda pixels: {"logits": pixels}, "answers a dict"),
        (lambda pixels: [pixels], "answers a list"),
        (lambda _: torch.tensor(1.0), "answers a tensor ()"),
        (lambda pixels: LOGITS[:3], "answers a tensor (3, 5)"),
        (lambda pixels: LOGITS[:32, :4], "answers a tensor (32, 4)"),
        (lambda pixels: LOGITS[:32] * torch.inf, "not finite"),
        (lambda pixels: LOGITS[:32].long(), "numbers of type int64"),
    ],
)
def test_what_cannot_classify_is_refused_in_one_sentence(model, said):
    with pytest.raises(UserError) as caught:
        dry_run(model, IMAGES, classes=5, setting="target.network")
    assert str(caught.value).startswith("target.network: ")
    assert said in str(caught.value)
    assert str(caught.value).endswith("it needs to answer a tensor of logits (32, 5).")
    assert "\n" not in str(caught.value)
