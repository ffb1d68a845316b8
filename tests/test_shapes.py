"""Every attack on images of any shape: a user's own data set, from its function to the result."""

import pytest
import torch
from PIL import Image

import privattack
from privattack.data.image_sources import Emnist, EmnistLike, Folder, Noise, Usps
from privattack.errors import UserError
from tests.composing import options
from tests.own_data import colour
from tests.running import run_in

WORDS = [
    "data=digits", "target=lenet", "target.train_size=100", "target.epochs=1", "surrogate.epochs=1", "repetitions=1",
    "trainer=cpu", "pool=test", "nonmembers=holdout", "shadow.count=4", "shadow.processes=1",
    "default_budget.extraction=160", "default_budget.membership=80",
]  # fmt: skip
SMALL = {
    "label_only_boundary": ["attack.queries=60", "budget=2400"],
    "lira": ["attack.augmentations=4", "budget=400"],
    "mea_then_mia": ["pool=noise", "nonmembers=test"],
    "semisupervised": ["attack.steps=5"],
    "dp_audit": ["canaries.count=40"],
    **{attack: ["budget=280"] for attack in ("mia_suite", "qmia", "rmia", "rmia_offline")},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The targets and shadow models that the attacks share."""
    return tmp_path_factory.mktemp("shapes") / "store"


@pytest.mark.parametrize("attack", options("attack"))
def test_every_attack_works_on_a_data_set_of_ones_own(attack, store, tmp_path):
    words = [*WORDS, "data._target_=tests.own_data.colour", f"attack={attack}", *SMALL.get(attack, [])]
    assert run_in(tmp_path / "run", *words, f"store={store}", settings=[])["attackers"]


# Grey images of 28 pixels are those of nearly all other tests.
@pytest.mark.parametrize("data", ["colour", "grey"])
@pytest.mark.parametrize("attack", ["mea", "semisupervised", "mia", "lira", "label_only_boundary"])
def test_a_data_set_of_ones_own_goes_from_its_function_to_the_page(attack, data, store, tmp_path):
    words = [*WORDS, f"data._target_=tests.own_data.{data}", f"attack={attack}", *SMALL.get(attack, [])]
    assert privattack.run([*words, f"store={store}"], folder=tmp_path / "run").result.attackers
    assert "<svg" in (tmp_path / "run/report.html").read_text()


@pytest.mark.parametrize("network", ["lenet", "convnet", "mlp", "wrn16_2"])
def test_every_network_fits_its_layers_to_the_images(network, store, tmp_path):
    words = [*WORDS, "data._target_=tests.own_data.colour", f"target={network}", f"surrogate={network}"]
    assert privattack.run([*words, f"store={store}"], folder=tmp_path / "run").result.attackers


def test_shifts_that_leave_nothing_of_an_image_are_refused(store, tmp_path):
    words = [*WORDS, "data._target_=tests.own_data.colour", "attack=label_only_augmentation", "attack.shift=20"]
    sentence = r"^attack: LabelOnlyAugmentation shifts images by up to 20 pixels, and these have 20x24, so that nothing"
    with pytest.raises(UserError, match=sentence):
        privattack.run([*words, f"store={store}"], folder=tmp_path / "run")


@pytest.mark.parametrize("group", ["pool", "nonmembers"])
@pytest.mark.parametrize("source", [Emnist(root="nowhere"), Usps(root="nowhere"), EmnistLike()])
def test_handwriting_is_refused_beside_images_of_another_shape(source, group):
    data = colour()
    sentence = rf"^{group}=\w+: gives grey images of 28x28, and the target's are 3x20x24; choose {group}=holdout or"
    with pytest.raises(UserError, match=sentence):
        source.images(group, held_out=data.test, test=data.test, classes=4)


def test_noise_and_folders_take_the_targets_shape(tmp_path):
    Image.new("RGB", (50, 40), (200, 100, 0)).save(tmp_path / "one.png")
    test = colour().test
    for source in (Noise(count=5), Folder(path=str(tmp_path), cache=str(tmp_path / "cache"))):
        found, _ = source.images("pool", held_out=test, test=test, classes=4)
        assert found.shape == (3, 20, 24)
    assert found.images[0].float().mean(dim=(1, 2)).tolist() == [200.0, 100.0, 0.0]


def test_a_channel_of_one_value_is_left_as_wide_as_it_is():
    data = colour()
    data.train.images[:, 1] = 51
    again = type(data).of("one value", 4, data.train, data.test)
    pixels = data.train.pixels()
    torch.testing.assert_close(torch.tensor(again.mean), pixels.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(torch.tensor(again.std)[0], pixels[:, 0].std(correction=0))
    assert again.std[1] == 1.0
