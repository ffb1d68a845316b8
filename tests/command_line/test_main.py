"""What the command line says and leaves behind: run in this process, as importing PyTorch takes seconds."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher

from privattack.command_line.main import overrides_first
from privattack.models.networks import MLP, LeNet
from tests.command_line.conftest import FAST


def results(folder: str) -> dict[str, dict]:
    """Return every result under a folder by the name of its own, without what may differ between runs."""
    found = {}
    for path in Path(folder).rglob("result.json"):
        content = json.loads(path.read_text())
        del content["timings"], content["target"]["trained"]
        found[path.parent.name] = content
    return found


def trained(folder: str) -> list[bool]:
    return [json.loads(path.read_text())["target"]["trained"] for path in Path(folder).rglob("result.json")]


BAD = {
    "hydra/launcher=nowhere": (2, "hydra/launcher=nowhere: there is no such option; choose one of basic"),
    "attack=foo": (2, "attack=foo: there is no such option; choose one of "),
    "attack=[1,2]": (2, "attack=[1,2]: there is no such option; choose one of activethief"),
    "data=[null]": (2, "data=[null]: there is no such option; choose one of arrays"),
    "defence=null": (2, "defence=null: there is no such option; choose one of adaptive_misinformation, chain, "),
    "experiment=foo": (
        2,
        "experiment=foo: there is no such option; choose one of cifar, defences, extraction, ",
    ),
    "target=recipe": (2, "target=recipe: there is no such option; choose one of convnet, lenet, mlp, "),
    "surrogat.epochs=5": (2, "surrogat.epochs=5: there is no such setting; did you mean surrogate.epochs?"),
    "surrogate.epoch=5": (2, "surrogate.epoch=5: there is no such setting; did you mean surrogate.epochs?"),
    "attac=mea": (2, "attac=mea: there is no such setting; did you mean attack?"),
    "data.root=x": (2, "data.root=x: the options chosen have no such setting"),
    "-m defence=none,temperature defence.temperature=3": (
        2,
        "defence.temperature=3: not every defence has such a setting; in a sweep over them, write ++defence.",
    ),
    "+surrogate.foo=1": (1, "surrogate._target_=privattack.models.surrogate.SurrogateTrainer: does not take"),
    "+target.epoch=1": (1, "+target.epoch=1: there is no such setting; did you mean target.epochs?"),
    "+budgett=1": (1, "+budgett=1: there is no such setting; did you mean budget?"),
    "pool=folder": (1, "pool.path: has no value of its own; give it one, as in pool.path=..."),
    "+budget=1": (2, "+budget: the setting exists already; leave out the +."),
    "~surrogate.foo": (2, "~surrogate.foo: there is no such setting"),
    "~defence": (2, "defence: the setting is missing; leave it in"),
    "~target.epochs": (1, "target.epochs: the setting is missing"),
    "budget": (2, "budget: cannot be read (missing EQUAL at '<EOF>'); write settings as name=value."),
    "budget=10,20": (2, "budget=10,20: has several values; run.py -m runs one job for each"),
    "budget=": (1, "budget=: needs a whole number from 1 up."),
    "budget=0": (1, "budget=0: needs a whole number from 1 up."),
    "budget=-5": (1, "budget=-5: needs a whole number from 1 up."),
    "budget=1.5": (1, "budget=1.5: needs a whole number from 1 up."),
    "budget=abc": (1, "budget=abc: needs a whole number from 1 up."),
    "budget=598": (1, "budget=598: the query pool has 597 images; use a budget of 1 to 597."),
    "attack=mia budget=5000": (1, "budget=5000: with 200 members and 1000 non-members"),
    "attack=mia nonmembers=holdout target.train_size=1200": (1, "nonmembers=holdout: finds no images"),
    "seed=-1": (1, "seed=-1: needs a whole number from 0"),
    "repetitions=0": (1, "repetitions=0: needs a whole number from 1 up."),
    "surrogate.epochs=0": (1, "surrogate.epochs=0: needs a whole number from 1 up."),
    "surrogate.lr=1e30": (1, "surrogate.lr=1e+30: the surrogates' loss is not finite in epoch 0"),
    "target.gamma=0": (1, "target.gamma=0: needs a finite number above 0, up to 1."),
    "target.lr=1e30 target.gamma=1": (1, "target.lr=1e+30: the target's weights are not finite after epoch 0"),
    "target.train_size=1201": (1, "target.train_size=1201: the training part has 1200 images; use 1 to 1200"),
    "target.network._target_=nowhere.Net": (1, "target.network._target_=nowhere.Net: cannot be imported"),
    "surrogate.network._target_=torch.nn.Nope": (1, "surrogate.network._target_=torch.nn.Nope: cannot be imported"),
    "target.network._target_=math.sqrt": (1, "target.network._target_=math.sqrt: does not take the settings"),
    "attack.attackers=[foo]": (1, "attack.attackers=[foo]: needs a list of one or more of published, adaptive"),
    "attack.attackers=[]": (1, "attack.attackers=[]: needs a list of one or more of published, adaptive, no_query."),
    "attack=mia attack.attackers=[no_query]": (1, "attack.attackers=[no_query]: needs a list of one or more of"),
    "defence=label_only defence.tiny=0.0": (1, "defence.tiny=0.0: needs a number above 0"),
    "target.checkpoint=no.pth": (1, "target.checkpoint=no.pth: there is no such file; give the path of"),
    "target.checkpoint=text.pth": (1, "target.checkpoint=text.pth: the file is damaged or holds no plain weights"),
    "target.checkpoint=cut.pth": (1, "target.checkpoint=cut.pth: the file is damaged or holds no plain weights"),
    "target.checkpoint=cut.safetensors": (1, "target.checkpoint=cut.safetensors: the file is damaged"),
    "target.checkpoint=other.pth": (1, "target.checkpoint=other.pth: the weights are of another network than MLP"),
    "store=text.pth/store": (1, "store=text.pth/store: the folder cannot be written (Not a directory)"),
    "hydra.run.dir=text.pth/run": (1, "outputs: the run's folder text.pth/run cannot be written (Not a directory)"),
    "experiment=[foo]": (2, "experiment=foo: there is no such option; choose one of cifar, "),
    "hydra=null": (2, "hydra=null: a group needs an option by its name; leave it out."),
    "transfer=1e30": (1, "transfer=1e+30: needs settings of its own: epsilon, images."),
    "shadow=true": (1, "shadow=true: needs settings of its own: network, epochs, lr, "),
    "attack.surrogates=false": (2, "attack.surrogates=false: there is no such setting"),
    "surrogate.network._partial_=1e30": (1, "surrogate.network._partial_=1e+30: needs true or false."),
    "surrogate.network=false": (1, "surrogate.network=false: needs a _target_, the name of a class, and its settings."),
    "shadow.count=2147483648": (1, "shadow.count=2147483648: needs an even whole number from 2 to 10000, so that"),
    "target.batch_size=99999999999999999999": (
        1,
        "target.batch_size=99999999999999999999: needs a whole number from 1 to 1000000.",
    ),
    "repetitions=99999999999999999999": (1, "repetitions=99999999999999999999: needs a whole number from 1 to 10000."),
    "attack=mia_suite attack.attacks.lira.variance=wide": (
        1,
        "attack.attacks.lira.variance=wide: needs one of auto, per_image, global.",
    ),
    "attack=mea_then_mia attack.extraction.attackers=[]": (
        1,
        "attack.extraction.attackers=[]: needs a list of one or more of published, adaptive, no_query.",
    ),
    "surrogate.network._target_=math.sqrt": (1, "surrogate.network._target_=math.sqrt: cannot be built (TypeError: "),
    "target.network._target_=torch.nn.Identity": (1, "target.network._target_=torch.nn.Identity: makes a"),
    "target.lr=1e300": (1, "target.lr=1e+300: needs a finite number above 0, up to 1e+38."),
    "surrogate.lr=nan": (1, "surrogate.lr=nan: needs a finite number."),
    "data=mnist data.root=cut": (1, "MNIST/raw/train-images-idx3-ubyte under data.root=cut is damaged (it has"),
    "data=mnist data.root=none data.download=false": (1, "MNIST/raw/train-images-idx3-ubyte under data.root=none"),
}


@pytest.fixture
def bad_files(tmp_path: Path) -> None:
    torch.save(LeNet(classes=10).state_dict(), tmp_path / "other.pth")
    torch.save(MLP(classes=10).state_dict(), tmp_path / "whole.pth")
    content = (tmp_path / "whole.pth").read_bytes()
    for name in ("cut.pth", "cut.safetensors"):
        (tmp_path / name).write_bytes(content[: len(content) // 2])
    (tmp_path / "text.pth").write_text("no weights\n")
    raw = tmp_path / "cut/MNIST/raw"
    raw.mkdir(parents=True)
    header = b"".join(number.to_bytes(4, "big") for number in (0x0803, 60_000, 28, 28))
    (raw / "train-images-idx3-ubyte").write_bytes(header + bytes(1_000))


@pytest.mark.usefixtures("bad_files")
@pytest.mark.parametrize("setting", BAD)
def test_bad_input_is_one_sentence_and_leaves_nothing(run_py, setting, recwarn):
    status, sentence = BAD[setting]
    before = {*Path().rglob("*")}
    ended = run_py(*FAST, *setting.split())
    assert ended.complained.startswith(f"Error: {sentence}")
    assert ended.complained.count("\n") == 1
    assert ended.status == status
    assert [str(warning.message) for warning in recwarn if "beartype" not in warning.category.__module__] == []
    left = {path for path in {*Path().rglob("*")} - before if path.is_file() and path.suffix != ".lock"}
    # A target that was trained before the fault showed is no waste: it stays in the store.
    assert {path for path in left if not path.is_relative_to("outputs/store")} == set()
    assert [path.name for path in Path("outputs").glob("*")] in ([], ["store"])


@pytest.mark.parametrize(
    ("words", "sorted_words"),
    [
        ("attack=mea -m budget=10,20", "attack=mea budget=10,20 -m"),
        ("-m attack=mea budget=10,20", "attack=mea budget=10,20 -m"),
        ("seed=1 --cfg job budget=1 -p transfer ~pool", "seed=1 budget=1 ~pool --cfg job -p transfer"),
        ("-cd=mine attack=mea --config-name other seed=1", "attack=mea seed=1 -cd=mine --config-name other"),
    ],
)
def test_hydras_flags_stand_anywhere(words, sorted_words):
    assert overrides_first(words.split()) == sorted_words.split()


def test_a_flag_among_the_settings_makes_a_sweep(run_py):
    assert run_py(*FAST, "attack=mea", "-m", "budget=20,30").status == 0
    assert {one["run"]["budget"] for one in results("outputs").values()} == {20, 30}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_one_sentence(run_py):
    ended = run_py(*FAST, "trainer=gpu")
    assert (ended.status, ended.complained) == (
        1,
        "Error: trainer=gpu: PyTorch sees no GPU on this machine; use trainer=cpu or trainer=auto.\n",
    )


def test_a_number_written_without_its_point_is_the_same_recipe(run_py):
    assert run_py("-m", *FAST, "target.lr=1,1.0").status == 0
    assert sorted(trained("outputs")) == [False, True]


def test_a_sweep_trains_one_target_and_each_job_is_as_if_run_alone(run_py):
    assert run_py("-m", *FAST, "budget=50,20,100").status == 0
    assert sorted(trained("outputs")) == [False, False, True]
    swept = results("outputs")
    assert {one["run"]["budget"] for one in swept.values()} == {20, 50, 100}
    assert run_py(*FAST, "budget=20", "hydra.run.dir=alone", "store=another").status == 0
    alone = results("alone")["alone"]
    (beside,) = (one for one in swept.values() if one["run"]["budget"] == 20)
    alone["run"]["config"]["store"] = beside["run"]["config"]["store"]
    assert alone == beside


def test_a_sweep_over_trainings_leaks_nothing_from_job_to_job(run_py):
    assert run_py("-m", *FAST, "target.epochs=1,2", "surrogate.epochs=2,1").status == 0
    swept = results("outputs")
    assert len(swept) == 4
    assert sorted(trained("outputs")) == [False, False, True, True]
    last = ("target.epochs=2", "surrogate.epochs=1")
    assert run_py(*FAST, *last, "hydra.run.dir=alone", "store=another").status == 0
    alone = results("alone")["alone"]
    (beside,) = (one for name, one in swept.items() if all(setting in name for setting in last))
    alone["run"]["config"]["store"] = beside["run"]["config"]["store"]
    assert alone == beside


def test_a_sweep_goes_on_after_a_job_that_fails(run_py):
    ended = run_py("-m", *FAST, "budget=20,0,30")
    assert ended.status == 1
    assert ended.complained == "Error: budget=0: needs a whole number from 1 up.\n"
    assert {one["run"]["budget"] for one in results("outputs").values()} == {20, 30}
    (sweep,) = Path("outputs").glob("sweep-*")
    (failure,) = sweep.rglob("failure.json")
    assert json.loads(failure.read_text())["why"] == "budget=0: needs a whole number from 1 up."
    assert [path.name for path in failure.parent.iterdir()] == ["failure.json"]
    assert len([*sweep.rglob("run.log")]) == 2
    assert [*Path("outputs").rglob("report.html")] == [sweep / "report.html"]
    assert "budget=0: needs a whole number" in (sweep / "report.html").read_text()
    with (sweep / "summary.csv").open(newline="") as file:
        assert {row["budget"] for row in csv.DictReader(file)} == {"0", "20", "30"}


def test_a_job_that_breaks_is_a_row_of_its_sweep_too(run_py, monkeypatch):
    def broken(*_):
        raise RuntimeError("a defence of one's own broke")

    monkeypatch.setattr("privattack.defences.label_only.LabelOnly.respond", broken)
    ended = run_py("-m", *FAST, "defence=label_only,none")
    assert ended.status == 1
    (sweep,) = Path("outputs").glob("sweep-*")
    (failure,) = sweep.rglob("failure.json")
    assert json.loads(failure.read_text())["why"] == "RuntimeError: a defence of one's own broke"
    assert [one["run"]["defence"] for one in results("outputs").values()] == ["none"]


def test_a_sweep_of_which_nothing_can_run_leaves_the_reasons(run_py):
    ended = run_py("-m", *FAST, "budget=0,-1")
    assert ended.status == 1
    assert re.findall(r"Error: budget=(\S+):", ended.complained) == ["0", "-1"]
    assert len([*Path("outputs").rglob("failure.json")]) == 2
    assert results("outputs") == {}


def test_a_sweep_that_breaks_off_still_reports_the_jobs_that_ended(run_py, monkeypatch):
    def killed(launcher, *arguments, **named):
        launch(launcher, *arguments, **named)
        raise RuntimeError("a process of the launcher's was killed")

    # Hydra imports its plugins anew: not the class that an import finds.
    (basic,) = (one for one in Plugins.instance().discover(Launcher) if one.__name__ == "BasicLauncher")
    launch = basic.launch
    monkeypatch.setattr(basic, "launch", killed)
    ended = run_py("-m", *FAST, "attack=mea,mia", "budget=0")
    (page,) = Path("outputs").rglob("report.html")
    assert ended.status == 1
    assert ended.complained.splitlines() == [
        *["Error: budget=0: needs a whole number from 1 up."] * 2,
        f"Error: {page.parent}: the sweep ended early (RuntimeError: a process of the launcher's was killed); "
        "HYDRA_FULL_ERROR=1 shows where.",
    ]


def test_an_option_that_is_not_there_stops_a_sweep_before_its_first_job(run_py):
    ended = run_py("-m", *FAST, "attack=mea,foo")
    assert ended.status == 2
    assert ended.complained.startswith("Error: attack=foo: there is no such option; choose one of ")
    assert ", mea, mea_then_mia, mia, " in ended.complained
    assert not Path("outputs").exists() or list(Path("outputs").iterdir()) == []


def test_an_earlier_result_is_never_overwritten(run_py):
    assert run_py(*FAST, "hydra.run.dir=mine").status == 0
    before = {path: path.read_bytes() for path in Path("mine").rglob("*") if path.is_file()}
    ended = run_py(*FAST, "hydra.run.dir=mine", "seed=1")
    assert ended.status == 1
    assert "holds a result already; choose another folder." in ended.complained
    assert Path("mine/result.json").read_bytes() == before[Path("mine/result.json")]
    assert {*before} <= {path for path in Path("mine").rglob("*") if path.is_file()}


def test_a_run_leaves_its_settings_and_a_log_beside_its_result(run_py):
    ended = run_py(*FAST, "attack=mia", "budget=100")
    assert ended.status == 0
    (result,) = Path("outputs").rglob("result.json")
    folder = result.parent
    assert folder.parent.name.startswith("mia-none-b100-s0-")
    assert str(folder) in ended.said
    assert "attack:" in (folder / ".hydra/config.yaml").read_text()
    assert (folder / "run.log").is_file()
    assert np.load(folder / "splits.npz")["members"].size == 200


def test_what_fails_leaves_the_users_own_files(run_py):
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("years of work")
    assert run_py(*FAST, "hydra.run.dir=mine", "budget=0").status == 1
    assert [path.name for path in Path("mine").iterdir()] == ["thesis.txt"]


def test_any_value_may_fail_and_be_a_row(run_py):
    run_py("-m", *FAST, "budget=0,abc,null,nan")
    (page,) = Path("outputs").rglob("report.html")
    assert all(f"budget={value}: needs a whole number" in page.read_text() for value in ("0", "abc", "null", "nan"))
    assert not any("NaN," in path.read_text() for path in Path("outputs").rglob("failure.json"))


def test_the_users_own_weights_have_neither_members_nor_held_out_images(run_py):
    torch.save(MLP(classes=10).state_dict(), "mine.pth")
    ended = run_py(*FAST, "attack=mia", "nonmembers=holdout", "target.checkpoint=mine.pth", "budget=100")
    assert ended.status == 1
    assert "target.checkpoint=mine.pth: nobody says which images it was trained on" in ended.complained
    ended = run_py(*FAST, "attack=mea", "pool=holdout", "target.checkpoint=mine.pth", "budget=100")
    assert ended.status == 1
    assert "pool=holdout: nobody says which images target.checkpoint=mine.pth was not trained on" in ended.complained
