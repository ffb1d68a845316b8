import re

import pytest

from privattack.bank import bank
from privattack.errors import UserError
from privattack.models.leases import FolderLease
from tests.running import FAST

WORDS = [*FAST, "attack=lira", "target.train_size=40", "nonmembers=holdout", "budget=80", "shadow.count=4"]


@pytest.fixture
def words(tmp_path):
    return [*WORDS, f"store={tmp_path / 'store'}"]


def test_status_train_and_status_again(words, tmp_path, capsys):
    bank(["status", *words])
    assert "0 of 4 shadow models are there, 0 are claimed, 4 are left." in capsys.readouterr().out
    bank(["train", *words])
    assert "4 of 4 shadow models are there" in capsys.readouterr().out
    bank(["status", *words, "shadow.count=6"])
    assert "4 of 6 shadow models are there, 0 are claimed, 2 are left." in capsys.readouterr().out


def test_a_plan_tells_hours_and_money_for_this_machine_and_a_cluster(words, tmp_path, capsys):
    bank(["plan", *words, "bank.workers=4", "bank.name=ours", "bank.price=3600", "bank.speed=2"])
    first, here, ours = capsys.readouterr().out.splitlines()
    assert first == "4 shadow models: 0 are in the store, 4 are to be trained, 40 members and 3 epochs each."
    alone, each = (float(number) for number in re.findall(r"\((\d+) s\), 1 at once, ([\d.]+) s a model", here)[0])
    assert alone == pytest.approx(4 * each, abs=0.7)
    assert re.match(r"this machine: \d+\.\d\d hours", here)
    assert re.match(r"ours: \d+\.\d\d hours", ours)
    assert "4 at once" in ours
    assert "by 2 times this machine" in ours
    assert list((tmp_path / "store").glob("*/recipe.json")) == []


def test_status_tells_who_is_at_a_model(words, tmp_path, capsys, monkeypatch):
    bank(["train", *words])
    (first, *_) = (tmp_path / "store").glob("*/recipe.json")
    first.unlink()
    claim = FolderLease(tmp_path / "store/claims" / first.parent.name)
    claim.take(wait=False)
    capsys.readouterr()
    bank(["status", *words])
    assert re.search(r"3 of 4 .* 1 are claimed, 0 are left\.\n  [0-9a-f]{16}: process \d+ on ", capsys.readouterr().out)
    claim.release()


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (["grow"], "grow: needs one of status, train, plan, prune"),
        ([], "bank: needs one of"),
        (["status", *FAST], "attack=mea: trains no shadow models; choose one that does"),
        (["prune"], "bank.days=null: nothing says"),
        (["prune", "bank.days=-1"], "bank.days=-1: needs a number above 0"),
        (["plan", "bank.days_=1"], "bank.days_=1: cannot be read"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(said, answer):
    with pytest.raises(UserError) as caught:
        bank(said)
    assert str(caught.value).startswith(answer)
