import json
import os
import time

import pytest
import torch

from privattack.errors import UserError
from privattack.models import pruning
from privattack.models.leases import FolderLease
from privattack.models.store import ModelStore, StoredModel, fingerprint


@pytest.fixture
def store(tmp_path):
    """Return a store with models of ages 0 to 3 days, of which a result refers to the oldest."""
    store, now = ModelStore(tmp_path / "store"), time.time()
    for days in range(4):
        store.obtain({"days": days}, lambda _: StoredModel({"weight": torch.zeros(1000)}))
        made = now - 86_400 * days - 60
        os.utime(store.folder / fingerprint({"days": days}), (made, made))
    (tmp_path / "outputs/run").mkdir(parents=True)
    told = {"target": {"fingerprint": fingerprint({"days": 3})}}
    (tmp_path / "outputs/run/result.json").write_text(json.dumps(told))
    return store


@pytest.fixture
def prune(store, tmp_path):
    defaults = {
        "days": None,
        "gigabytes": None,
        "results": str(tmp_path / "outputs"),
        "referred": False,
        "delete": True,
    }
    return lambda **settings: pruning.prune(store, **{**defaults, **settings})


def ages(store: ModelStore) -> list[int]:
    return [days for days in range(4) if store.find({"days": days}) is not None]


def test_old_models_go_but_for_what_results_refer_to(prune, store):
    told = prune(days=2.0)
    assert ages(store) == [0, 1, 3]
    assert "of 4 models (0.0 MB) 1 (0.0 MB) are removed" in told
    assert "1 stay whatever their age" in told


def test_what_results_refer_to_goes_where_that_is_said(prune, store):
    assert "of which 1 are removed; 0 stay" in prune(days=2.0, referred=True)
    assert ages(store) == [0, 1]


def test_the_oldest_go_until_the_store_is_small_enough(prune, store):
    prune(gigabytes=3 * 4_600e-9)
    assert ages(store) == [0, 1, 3]


def test_nothing_goes_until_it_is_said(prune, store):
    assert "would be removed" in prune(days=1.0, referred=True, delete=False)
    assert ages(store) == [0, 1, 2, 3]


def test_what_killed_processes_left_goes_and_what_a_living_one_is_at_stays(prune, store):
    dead, alive = (store.folder / "unfinished" / name for name in ("dead", "alive"))
    for place in (dead, alive):
        place.mkdir()
        os.utime(place, (0, 0))
    FolderLease(store.folder / "claims/alive").take(wait=False)
    assert "1 leavings" in prune(days=1.0)
    assert (dead.exists(), alive.exists()) == (False, True)


def test_files_that_are_not_the_stores_own_stay(prune, store):
    (store.folder / "claims").mkdir(exist_ok=True)
    foreign = [store.folder / name for name in ("notes.lock", "notes.damaged-1", "claims/tmp1")]  # the last: a clock
    for path in foreign:
        path.touch()
        os.utime(path, (0, 0))
    assert "0 leavings" in prune(days=1.0)
    assert all(path.exists() for path in foreign)


def test_a_model_that_was_used_is_as_new(prune, store):
    store.find({"days": 2})
    prune(days=1.5)
    assert ages(store) == [0, 1, 2, 3]


def test_what_a_killed_prune_left_goes_and_a_model_that_a_process_is_at_stays(prune, store):
    left = store.folder / f".{fingerprint({'days': 2})}.removed-1"
    (store.folder / fingerprint({"days": 2})).rename(left)
    claim = FolderLease(store.folder / "claims" / fingerprint({"days": 1}))
    claim.take(wait=False)
    assert "of 3 models (0.0 MB) 0 (0.0 MB) are removed, and 1 leavings" in prune(days=0.5)
    claim.release()
    assert not left.exists()
    assert ages(store) == [0, 1, 3]


def test_without_the_folder_of_results_nothing_goes_that_they_may_refer_to(prune, store, tmp_path):
    with pytest.raises(UserError, match=r"^bank\.results=.*none: there is no such folder"):
        prune(days=2.0, results=str(tmp_path / "none"))
    assert ages(store) == [0, 1, 2, 3]


def test_where_nothing_says_what_is_to_go_nothing_does(prune, store, tmp_path):
    with pytest.raises(UserError, match=r"^bank\.days=null: "):
        prune()
    with pytest.raises(UserError, match="there is no such folder"):
        pruning.prune(ModelStore(tmp_path / "none"), days=1.0, gigabytes=None, results="", referred=False, delete=True)
