"""Attacks on a service over HTTP find what they find in this process, and the ledger is what the server counted."""

from pathlib import Path

import numpy as np
import pytest

from privattack.errors import UserError
from tests.remote.serving import app_of, listening
from tests.running import FAST, run_in

SHADOWS = ["shadow.count=6", "shadow.processes=1", "attack=loss", "budget=200"]
ATTACKS = [
    pytest.param(["attack=mea", "repetitions=2", "budget=[50,100]"], marks=pytest.mark.slow),
    pytest.param(["attack=mea", "repetitions=2", "budget=100", "defence=label_only", "learning=naive"]),
    pytest.param(["attack=activethief", "repetitions=1", "budget=100", "attack.start=40"], marks=pytest.mark.slow),
    pytest.param(["attack=mia", "repetitions=1", "budget=100"]),
    pytest.param(SHADOWS, marks=pytest.mark.slow),
]


def remote(url: str, folder: Path, *words: str) -> list[str]:
    """Return the words that attack a service at `url`."""
    return ["victim=remote", f"victim.url={url}", "victim.model=toy", "victim.consent=true", "victim.judge_images=null",
            f"victim.transcript={folder / 'transcript.sqlite'}", *words]  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("remote")


@pytest.mark.parametrize("attack", ATTACKS, ids=" ".join)
def test_a_run_over_http_finds_what_the_run_in_this_process_finds(root, tmp_path, attack):
    name = "-".join(attack).translate(str.maketrans("[],=", "____"))
    inside = run_in(root / name, *attack)
    defence = [word for word in attack if word.startswith("defence")]
    app, clients = app_of(tmp_path, *FAST, f"store={root / 'store'}", *defence)
    with np.load(root / name / "splits.npz") as split:
        np.save(tmp_path / "members.npy", split["members"])
    known = [f"target.members={tmp_path / 'members.npy'}", "victim.send_members=true", "shadow.other_recipe=true"]
    with listening(app) as url:
        outside = run_in(tmp_path / "run", *remote(url, tmp_path, *attack, *known), settings=FAST)
    for attacker, expected in zip(outside["attackers"], inside["attackers"], strict=True):
        if defence:
            assert attacker["metrics"].pop("kl")["value"] is None
            del expected["metrics"]["kl"]
        assert attacker == expected
    for count in ("images", "unique_images", "refused", "rounds"):
        assert outside["service"][count] == inside["service"][count]
    if "fidelity" in outside["attackers"][0]["metrics"]:
        assert outside["target"]["test_accuracy"] == inside["target"]["test_accuracy"]
    assert outside["service"]["l1"]["why"]
    assert outside["remote"]["sent"] == clients.spent("anonymous")[0] <= outside["remote"]["asked"]
    clients.close()


def test_a_transcript_answers_alone_where_nothing_may_be_sent(root, tmp_path):
    attack = ["attack=mea", "repetitions=1", "budget=50", "learning=naive"]
    app, clients = app_of(tmp_path, *FAST, f"store={root / 'store'}")
    with listening(app) as url:
        words = remote(url, tmp_path, *attack, "price=2.0")
        first = run_in(tmp_path / "first", *words, settings=FAST)
        again = run_in(tmp_path / "again", *words, settings=FAST)
    assert first["remote"]["sent"] == clients.spent("anonymous")[0]
    assert first["remote"]["money"] == pytest.approx(2 * first["remote"]["sent"] / 1_000)
    assert (again["remote"]["sent"], again["remote"]["asked"]) == (0, first["remote"]["asked"])
    offline = run_in(tmp_path / "offline", *words, "victim.offline=true", settings=FAST)
    assert offline["attackers"] == again["attackers"] == first["attackers"]
    with pytest.raises(UserError, match=r"^victim\.offline=true: 60 of 60 images are not"):
        run_in(tmp_path / "more", *words, "victim.offline=true", "pool=noise", "budget=60", settings=FAST)
    clients.close()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["victim.consent=false"], r"victim\.consent=false: confirm that you may test this API"),
        (["attack=mia"], r"victim\.url=http://nowhere: nobody says which images it was trained on"),
        (["attack=loss", "target.members={members}"], r"victim\.url=http://nowhere: nobody says by which recipe"),
        (["attack=mia", "budget=40", "target.members={members}"], r"victim\.send_members=false: membership inference"),
        (["monitor=prada"], r"monitor: watches the run's own service, and the victim is somebody else's API"),
        (["pool=holdout"], r"pool=holdout: nobody says which images victim\.url=http://nowhere was not trained on"),
        (["target.checkpoint=a.pth"], r"target\.checkpoint=a\.pth: the victim is somebody else's model"),
        (["victim.layout=chw"], r"victim\.layout=chw: needs one of nchw, nhwc, flat"),
    ],
)
def test_what_cannot_be_asked_of_somebody_elses_model_is_refused_before_anything_is_sent(tmp_path, words, why):
    np.save(tmp_path / "members.npy", np.arange(100))
    words = [word.format(members=tmp_path / "members.npy") for word in words]
    with pytest.raises(UserError, match=f"^{why}"):
        run_in(tmp_path / "run", *remote("http://nowhere", tmp_path), *words, settings=FAST)


def test_an_api_that_is_not_there_is_said(tmp_path):
    with pytest.raises(UserError, match=r"^victim\.url: 127\.0\.0\.1:9 cannot be reached \(.*\); is it running\?$"):
        run_in(tmp_path / "run", *remote("http://127.0.0.1:9", tmp_path), settings=FAST)
