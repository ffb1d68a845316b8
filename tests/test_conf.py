"""Everything that `conf/` offers can be composed and made, and each thing made is what its group is about."""

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import get_class
from omegaconf import OmegaConf
from PIL import Image

import privattack.make
from privattack import settings
from privattack.attacks.chain import ExtractThenInfer
from privattack.attacks.extraction.base import ExtractionAttack
from privattack.attacks.extraction.learning.base import Learning
from privattack.attacks.membership.base import MembershipAttack
from privattack.attacks.membership.shadow import ShadowAttack
from privattack.audits.training import RECIPE, recipe_of
from privattack.data.image_sources import ImageSource
from privattack.data.images import DataSet
from privattack.data.sources import digits
from privattack.defences.base import Defence
from privattack.models.surrogate import SurrogateTrainer
from privattack.remote.settings import Settings
from privattack.victims import ForeignVictims
from tests.composing import CONF, attacks, composed, hydra_of, options
from tests.defences.owners import ready
from tests.small_archives import write_cifar10, write_cifar100, write_svhn

OPTIONS = [
    (group.name, option)
    for group in sorted(CONF.iterdir())
    if group.is_dir() and group.name != "hydra"
    for option in options(group.name)
]
SHADOW, EXTRACTION = attacks(ShadowAttack), attacks(ExtractionAttack)


def write_idx(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = b"".join(length.to_bytes(4, "big") for length in array.shape)
    path.write_bytes((0x0800 + array.ndim).to_bytes(4, "big") + shape + array.astype(np.uint8).tobytes())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root with a few images in the layout of every data set but USPS (see tests/data)."""
    root = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for folder, parts, first in (
        ("MNIST", ("train", "t10k"), 0),
        ("FashionMNIST", ("train", "t10k"), 0),
        ("EMNIST", ("emnist-digits-train", "emnist-digits-test"), 0),
        ("EMNIST", ("emnist-letters-train", "emnist-letters-test"), 1),
    ):
        for part in parts:
            write_idx(root / folder / f"raw/{part}-images-idx3-ubyte", random.integers(0, 256, (12, 28, 28)))
            write_idx(root / folder / f"raw/{part}-labels-idx1-ubyte", first + np.arange(12) % 10)
    write_cifar10(root)
    write_cifar100(root)
    for part in ("train", "test"):
        for kind in ("cat", "dog"):
            (root / "folder" / part / kind).mkdir(parents=True)
            Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8)).save(root / "folder" / part / kind / "1.png")
    np.savez(root / "arrays.npz", images=np.zeros((4, 8, 8), dtype=np.uint8), labels=[0, 1, 0, 1])
    return root


@pytest.fixture
def make(files: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes what `group` says, from those files where it reads any."""
    monkeypatch.setenv("PRIVATTACK_DATA", str(files))

    def make(group: str, *overrides: str, **arguments: Any) -> Any:
        config = composed(*overrides)
        settings.check(OmegaConf.to_container(config, resolve=True))
        for name in {"verify", "download"} & {*config[group]}:
            config[group][name] = False
        return privattack.make.make(config, group, object, **arguments)

    return make


MOMENTS = {"mean": (0.1307,), "std": (0.3081,)}


def test_every_folder_is_a_group_known_here():
    assert {group for group, _ in OPTIONS} == {
        "attack", "canaries", "data", "debug", "defence", "experiment", "hparams_search", "learning", "logger",
        "monitor", "nonmembers", "pool", "study", "surrogate", "target", "trainer", "victim",
    }  # fmt: skip


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "data"])
def test_data(make, files, option, monkeypatch):
    if option == "usps":
        monkeypatch.setattr("privattack.data.sources.usps_part", lambda **_: digits().test)
    if option == "svhn":
        monkeypatch.setattr("privattack.data.archives.SVHN.split_list", write_svhn(files))
    path = {"folder": files / "folder", "arrays": files / "arrays.npz"}.get(option)
    own = [f"data.path={path}", f"store={files}/store"] if path else []
    data = make("data", f"data={option}", *own)
    assert isinstance(data, DataSet)
    assert len(data.train) > 0
    assert int(data.train.labels.max()) < data.classes


@pytest.mark.parametrize(("group", "option"), [one for one in OPTIONS if one[0] in ("pool", "nonmembers")])
def test_pools_and_non_members(make, group, option, monkeypatch, tmp_path):
    few = digits().test.take(torch.arange(5))
    monkeypatch.setattr("privattack.data.image_sources.usps_part", lambda **_: few)
    Image.fromarray(few.images[0, 0].numpy()).save(tmp_path / "one.png")
    folder = [f"pool.path={tmp_path}"] if option == "folder" else []
    other_data = [f"{group}.data.verify=false"] if option in ("mnist", "fashion_mnist") else []
    source = make(group, f"{group}={option}", *folder, *other_data)
    assert isinstance(source, ImageSource)
    images, has_labels = source.images(group, held_out=few, test=few, classes=10)
    assert len(images) > 0
    assert has_labels == (option not in ("emnist_letters", "folder", "noise", "mnist", "fashion_mnist"))


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "learning"])
def test_learning(make, option):
    learning = make("learning", f"learning={option}")
    assert isinstance(learning, Learning)
    assert bool(learning.learners) == (option != "naive")


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "target"])
@pytest.mark.parametrize("classes", [10, 26])
def test_targets_networks(option, classes):
    network = privattack.make.make(composed(f"target={option}"), "target.network", torch.nn.Module, classes=classes)
    assert network(torch.zeros(3, 1, 28, 28)).shape == (3, classes)


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "surrogate"])
def test_surrogates(make, option):
    surrogate = make("surrogate", f"surrogate={option}", **MOMENTS)
    assert isinstance(surrogate, SurrogateTrainer)
    assert surrogate.network(classes=10)(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "target"])
def test_a_surrogate_can_have_the_targets_own_architecture(make, option):
    surrogate = make("surrogate", f"target={option}", "surrogate=target", **MOMENTS)
    target = privattack.make.make(composed(f"target={option}"), "target.network", torch.nn.Module, classes=26)
    assert type(surrogate.network(classes=26)) is type(target)


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "attack"])
def test_attacks(make, option):
    assert isinstance(
        make("attack", f"attack={option}"), ExtractionAttack | MembershipAttack | ShadowAttack | ExtractThenInfer
    )


@pytest.mark.parametrize("option", SHADOW)
def test_attacks_with_shadow_models_bring_clean_non_members_and_a_target_that_leaves_some(option):
    for words, members in (((), 30_000), (("data=digits",), 600)):
        config = composed(f"attack={option}", *words)
        assert config.nonmembers._target_.endswith("Holdout")
        assert config.target.train_size == members
    chosen = composed(f"attack={option}", "target.train_size=250", "nonmembers=test")
    assert chosen.target.train_size == 250
    assert chosen.nonmembers._target_.endswith("TestPart")


@pytest.mark.parametrize("option", SHADOW)
def test_an_attacks_settings_are_its_class_defaults(option):
    """What a notebook gets without settings is what the command line runs."""
    if option in ("mia_suite", "dp_audit"):
        return
    config = OmegaConf.to_container(composed(f"attack={option}").attack, resolve=False)
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(get_class(config.pop("_target_"))).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    named = {"signal", "form", "online"}  # what options of one class differ in
    assert {name: value for name, value in config.items() if name not in named} == {
        name: value for name, value in defaults.items() if name not in named
    }


@pytest.mark.parametrize("option", EXTRACTION)
def test_extraction_attacks_take_one_budget_or_several(option):
    assert composed(f"attack={option}").budget == 3_000
    assert composed(f"attack={option}", "budget=[500,6000,1000]").budget == [500, 6_000, 1_000]
    assert composed(f"attack={option}", "data=digits").budget == 200


def test_the_suite_holds_every_attack_that_can_share_a_transcript(make):
    suite = make("attack", "attack=mia_suite")
    alone = {
        option for option in SHADOW if option not in ("mia_suite", "dp_audit") and not option.startswith("label_only")
    }
    assert suite.attacks.keys() == alone


def test_shadow_models_follow_the_targets_recipe():
    for words in (["target=convnet", "target.epochs=7", "target.gamma=0.5"], ["target=wrn16_2", "target.crop=4"]):
        config = composed(*words, "attack=lira")
        for name in RECIPE:
            assert config.shadow[name] == config.target[name]


def test_residual_networks_are_trained_by_momentum_and_a_cosine():
    for group in ("target", "shadow"):
        recipe = recipe_of(composed("target=resnet18", "target.flips=true", "target.crop=4"), group)
        optimiser = recipe.optimised([torch.nn.Parameter(torch.zeros(2))])
        assert isinstance(optimiser, torch.optim.SGD)
        assert (
            optimiser.defaults.items() >= {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4}.items()
        )
        assert recipe.scheduled(optimiser).T_max == recipe.epochs == 100
        assert (recipe.flips, recipe.crop) == (True, 4)


def test_the_overfit_experiment_is_a_sweep_over_all_attacks_on_a_small_target():
    config = composed("experiment=overfit")
    assert (config.target.train_size, config.target.epochs, config.target.gamma) == (1_000, 50, 1.0)
    assert (config.shadow.count, config.shadow.gamma) == (64, 1.0)
    attacks = set()
    for study in hydra_of("experiment=overfit").sweeper.params.study.split(","):
        chosen = composed("experiment=overfit", f"study={study}")
        assert chosen.target.train_size == 1_000
        attacks.add(chosen.attack._target_.rsplit(".", 1)[-1])
    assert attacks == {"Suite", "LabelOnlyAugmentation", "LabelOnlyBoundary"}


@pytest.mark.parametrize(
    ("words", "data", "members"),
    [
        (["experiment=fashion"], "fashion_mnist", 5_000),
        (["experiment=cifar"], "cifar10", 2_500),
        (["experiment=cifar", "data=folder", "data.path=mine"], "folder", 2_500),
    ],
)
def test_fashion_and_cifar_are_membership_and_extraction_on_a_target_that_remembers(words, data, members):
    attacks = set()
    for study in hydra_of(*words).sweeper.params.study.split(","):
        chosen = composed(*words, f"study={study}")
        assert (chosen.target.train_size, chosen.target.epochs, chosen.target.gamma) == (members, 30, 1.0)
        assert chosen.data._target_.endswith(data)
        assert chosen.pool._target_.endswith("Holdout")
        assert chosen.budget == {"shadow_suite": 20_000}.get(study, chosen.budget)
        attacks.add(chosen.attack._target_.rsplit(".", 1)[-1])
    assert attacks == {"Suite", "ModelExtraction"}


@pytest.mark.parametrize("option", options("experiment"))
def test_an_experiment_has_two_shadow_models_for_each_target(option):
    swept = hydra_of(f"experiment={option}").sweeper.params or {}
    studies = swept["study"].split(",") if "study" in swept else []
    for words in [[f"study={study}"] for study in studies] or [[]]:
        chosen = composed(f"experiment={option}", *words)
        assert chosen.targets is None or 2 * chosen.targets <= chosen.shadow.count


def test_the_experiments_on_defences_take_every_file_there_is_and_both_kinds_of_attack():
    sweep = hydra_of("experiment=defences").sweeper.params
    training = {*hydra_of("experiment=training_defences").sweeper.params.defence.split(",")}
    chosen = {*sweep.defence.split(",")}
    assert chosen | training == {option for group, option in OPTIONS if group == "defence"}
    assert chosen & training == {"none", "hamp"}
    kinds = {composed("experiment=defences", f"study={study}").attack._target_ for study in sweep.study.split(",")}
    assert {kind.rsplit(".", 1)[-1] for kind in kinds} == {"ModelExtraction", "Suite"}


def test_the_honest_contrast_is_the_studys_recipe_on_half_of_mnist():
    config = composed("experiment=well_trained")
    assert (config.target.train_size, config.target.epochs, config.target.gamma) == (30_000, 25, 0.7)
    assert (config.shadow.count, config.attack._target_.rsplit(".", 1)[-1]) == (16, "Suite")


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "defence"])
def test_defences(make, option):
    defence = make("defence", f"defence={option}", "seed=7")
    assert isinstance(defence, Defence)
    response = ready(defence)(torch.randn(4, 10).log_softmax(dim=1), torch.rand(4, 1, 28, 28))
    torch.testing.assert_close(response.exp().sum(dim=1), torch.ones(4), atol=1e-5, rtol=0)


FIGURES = ["mea_open", "mea_label_only", "mia_open", "mia_flatten"]


@pytest.mark.parametrize("option", FIGURES)
def test_experiments_are_the_original_studys_four_figures(make, option):
    for group in ("data", "defence", "attack", "nonmembers"):
        make(group, f"experiment={option}")
    config = composed(f"experiment={option}")
    attack, _, defence = option.partition("_")
    assert config.budget == {"mea": 3_000, "mia": 20_000}[attack]
    assert config.defence == composed(f"defence={'none' if defence == 'open' else defence}").defence
    assert config.data._target_.endswith(".mnist")


def test_the_original_studys_grid_is_a_sweep_over_its_defences_and_every_study():
    hydra = hydra_of("experiment=original_study")
    sweep = OmegaConf.to_container(hydra.sweeper.params, resolve=False)
    assert hydra.mode.name == "MULTIRUN"
    assert sweep["defence"] == "none,label_only,flatten"
    studies = {option for group, option in OPTIONS if group == "study" and not option.startswith("shadow")}
    assert studies == set(re.findall(r"\w+", sweep["study"])) - {"if_emnist", "data", "root"}


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "study"])
def test_each_study_is_an_attack_that_its_name_tells(make, option):
    attack = make("attack", f"study={option}")
    kinds = {"extraction": ExtractionAttack, "membership": MembershipAttack, "shadow": ShadowAttack}
    assert isinstance(attack, kinds[option.partition("_")[0]])
    make("nonmembers", f"study={option}")


@pytest.mark.parametrize(("option", "accelerator"), [("cpu", "cpu"), ("gpu", "gpu"), ("auto", "auto")])
def test_trainers(option, accelerator):
    config = composed(f"trainer={option}")
    assert config.trainer.accelerator == config.surrogate.accelerator == accelerator


@pytest.mark.parametrize(
    ("overrides", "budget"),
    [
        (["attack=mea"], 3_000),
        (["attack=mia"], 20_000),
        (["attack=mia", "nonmembers=usps"], 4_000),
        (["attack=mea", "nonmembers=usps"], 3_000),
        (["attack=mea", "data=digits"], 200),
        (["attack=mia", "data=digits"], 1_000),
        (["attack=mia", "budget=12"], 12),
    ],
)
def test_each_attack_brings_a_budget_that_its_data_allows(overrides, budget):
    assert composed(*overrides).budget == budget


def test_victims(make):
    assert "victim" not in composed("victim=local")
    words = ["victim=remote", "victim.url=http://a", "victim.model=m", "victim.consent=true"]
    assert isinstance(make("victim", *words), ForeignVictims)
    defaults = {name: one.default for name, one in inspect.signature(Settings).parameters.items()}
    config = OmegaConf.to_container(composed(*words[:1]).victim, resolve=False)
    given = {name: value for name, value in config.items() if name not in ("_target_", "url", "price")}
    assert given == {name: defaults[name] for name in given}
    assert {"url", "price", *given} == {*defaults}
