import torch

from privattack.models.remembered import RememberedTarget


class Counting(torch.nn.Module):
    """Answers with the mean of three thirds of the pixels, and counts what it is asked."""

    asked = 0

    def forward(self, pixels):
        self.asked += len(pixels)
        return pixels.flatten(1)[:, :783].unflatten(1, (3, 261)).mean(dim=2)


def test_known_images_are_answered_from_memory_and_alike(make_images):
    images, model = make_images(30), Counting()
    target = RememberedTarget(model)
    expected = target.remember(images)
    some = torch.tensor([7, 3, 3, 29])
    assert torch.equal(target(images.take(some).pixels()), expected[some])
    assert model.asked == 30


def test_given_answers_are_taken(make_images):
    images, model = make_images(5), Counting()
    given = torch.arange(15.0).reshape(5, 3)
    target = RememberedTarget(model)
    assert torch.equal(target.remember(images, given), given)
    assert torch.equal(target(images.pixels()), given)
    assert model.asked == 0


def test_an_image_keeps_its_first_answer(make_images):
    images = make_images(5)
    target = RememberedTarget(Counting())
    first = target.remember(images)
    again = target.remember(images.join(make_images(4, seed=1)), torch.zeros(9, 3))
    assert torch.equal(again, torch.cat([first, torch.zeros(4, 3)]))


def test_unknown_images_go_to_the_target(make_images):
    known, unknown, model = make_images(5), make_images(4, seed=1), Counting()
    target = RememberedTarget(model)
    target.remember(known)
    both = known.join(unknown)
    assert torch.equal(target(both.pixels()), Counting()(both.pixels()))
    assert model.asked == 5 + 9
