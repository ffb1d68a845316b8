import itertools
import logging
import pickle
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from privattack.errors import UserError
from privattack.models import leases, object_store, pruning
from privattack.models.object_store import BucketLease, ObjectStore, open_store
from privattack.models.pruning import prune
from privattack.models.store import ModelStore, StoredModel, fingerprint
from tests.models.banks import assert_same

RECIPE = {"members": "abcd"}
MODEL = StoredModel({"weight": torch.arange(6.0)}, {"train": torch.zeros(2, 3)}, [{"epoch": 0.0}], {"seconds": 1.0})
OTHER = StoredModel({"weight": torch.zeros(6)})

pytest.importorskip("s3fs")
moto = pytest.importorskip("moto.server")
S3Response = pytest.importorskip("moto.s3.responses").S3Response
numbers = itertools.count()


@pytest.fixture(scope="module")
def server():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    lock, put = threading.Lock(), S3Response.put_object  # which looks whether there is one, and then puts

    def put_one_at_a_time(*arguments):
        with lock:
            return put(*arguments)

    S3Response.put_object = put_one_at_a_time
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()
    S3Response.put_object = put


@pytest.fixture
def machine(server, monkeypatch, tmp_path):
    """Return a function that opens the same bucket as a machine of this name does."""
    for name, value in {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x", "ENDPOINT_URL": server}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    bucket = f"bucket{next(numbers)}"

    def open_as(name: str) -> ObjectStore:
        monkeypatch.setattr(object_store, "CACHE", str(tmp_path / name))
        store = open_store(f"s3://{bucket}/models")
        assert isinstance(store, ObjectStore)
        return store

    open_as("first").files.mkdir(bucket)
    return open_as


def trained(store: ModelStore, model: StoredModel = MODEL) -> bool:
    return store.obtain(RECIPE, lambda _: model)[1]


def test_a_model_trained_on_one_machine_is_found_on_another(machine):
    assert trained(machine("first"))
    second = machine("second")
    assert second.holds(fingerprint(RECIPE))
    found = second.find(RECIPE)
    assert torch.equal(found.weights["weight"], MODEL.weights["weight"])
    assert (found.history, found.cost) == (MODEL.history, MODEL.cost)
    assert not trained(machine("third"))


def test_many_on_two_machines_train_a_model_once(machine):
    stores, start, count = [machine("first"), machine("second")], threading.Barrier(6), itertools.count()

    def train(_) -> StoredModel:
        next(count)
        threading.Event().wait(0.1)
        return MODEL

    def obtain(number: int) -> bool:
        start.wait()
        return stores[number % 2].obtain(RECIPE, train)[1]

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(obtain, range(6))) == [False] * 5 + [True]
    assert next(count) == 1


def test_who_does_not_wait_leaves_another_machine_its_claim(machine):
    first, second, name = machine("first"), machine("second"), fingerprint(RECIPE)
    with first.claim(RECIPE):
        with second.claim(RECIPE, wait=False) as claim:
            assert claim is None
        assert second.owner_of(name) is not None
    assert second.owner_of(name) is None


def test_of_two_that_have_trained_a_model_the_first_is_used_by_both(machine, monkeypatch):
    monkeypatch.setattr(leases, "HEARTBEAT", 1000)
    first, second = machine("first"), machine("second")
    with second.claim(RECIPE) as claim:
        for name in first.files.ls(f"{first.root}/claims/{fingerprint(RECIPE)}", detail=False):
            first.files.pipe_file(name, b"")  # as if it were released, or long silent
        assert trained(first)
        claim.keep(OTHER)
    assert torch.equal(second.find(RECIPE).weights["weight"], MODEL.weights["weight"])


def cut(content: bytes) -> bytes:
    return content[:-30]


def flip(content: bytes) -> bytes:
    middle = content.index(b"weight") + 100
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [cut, flip])
def test_a_damaged_model_is_put_aside_and_made_again(damage, machine):
    first = machine("first")
    trained(first)
    (place,) = [path for path in first.files.ls(first.root, detail=False) if path.endswith(".zip")]
    first.files.pipe_file(place, damage(first.files.cat_file(place)))
    second = machine("second")
    assert second.find(RECIPE) is None
    assert trained(second)
    assert not trained(machine("third"))
    assert any("damaged" in path for path in first.files.ls(first.root, detail=False))


def test_a_lease_in_a_bucket_is_had_by_one_until_it_is_released_or_silent(machine, monkeypatch):
    store = machine("first")
    leased = [BucketLease(store.files, f"{store.root}/claims/x") for _ in range(5)]
    with ThreadPoolExecutor(5) as pool:
        assert sum(pool.map(lambda lease: lease.take(wait=False), leased)) == 1
    owner = next(lease for lease in leased if lease._mine and not lease._released.is_set() and _holds(lease))
    other = BucketLease(store.files, owner.place)
    assert not other.take(wait=False)
    owner.release()
    assert other.take(wait=False)
    monkeypatch.setattr(leases, "EXPIRES", -10.0)
    last = BucketLease(store.files, owner.place)
    assert last.take(wait=False)
    for lease in (other, last):
        lease.release()


def _holds(lease: BucketLease) -> bool:
    return lease.files.cat_file(lease._mine).decode() == lease.owner


def test_a_bank_in_a_bucket_is_the_one_in_a_folder(machine, order):
    there = replace(order, store=machine("first")).obtain()
    again = replace(order, store=machine("second")).obtain()
    assert (there.trained, again.trained) == (2, 0)
    assert_same(there, order.obtain())
    assert_same(again, there)


@pytest.mark.parametrize("found", [True, False])
def test_a_model_that_cannot_be_put_there_is_kept_here_and_put_there_later(found, machine, monkeypatch, caplog):
    first, name = machine("first"), fingerprint(RECIPE)
    put = first.files.pipe_file

    def failing(path: str, *arguments, **settings) -> None:
        if path.endswith(".zip"):
            raise OSError("the disk of the bucket is full")
        put(path, *arguments, **settings)

    monkeypatch.setattr(first.files, "pipe_file", failing)
    assert trained(first)
    assert not trained(first)
    (said,) = caplog.messages
    assert re.match(
        rf"store=s3://\S+: the model {name} could not be put there \(OSError: the disk.*; it is kept in ", said
    )
    assert not machine("second").holds(name)
    monkeypatch.setattr(first.files, "pipe_file", put)
    if found:
        assert first.find(RECIPE) is not None
    else:
        with first.claim(RECIPE) as claim:
            assert claim.stored is not None
    assert first.files.exists(first._object(name))
    assert not first._unsent(name).exists()


def test_who_is_at_a_model_is_told_by_the_buckets_clock(machine, monkeypatch):
    first, second, name = machine("first"), machine("second"), fingerprint(RECIPE)
    with first.claim(RECIPE):
        hours_ahead = time.time() + 7_200
        monkeypatch.setattr(time, "time", lambda: hours_ahead)
        assert second.owner_of(name).silent < 60


def test_who_may_only_read_is_told_who_is_at_a_model(machine, monkeypatch):
    first, second, name = machine("first"), machine("second"), fingerprint(RECIPE)
    with first.claim(RECIPE):

        def refused(*_, **__) -> None:
            raise PermissionError("Access Denied")

        monkeypatch.setattr(second.files, "pipe_file", refused)
        assert second.owner_of(name) is not None


def test_old_models_of_a_bucket_go_but_for_what_results_refer_to(machine, tmp_path, monkeypatch):
    first = machine("first")
    for number in range(3):
        first.obtain({"number": number}, lambda _: MODEL)
    damaged, foreign = (f"{first.root}/{name}" for name in ("0123456789abcdef.damaged-1", "photos.zip"))
    for place in (damaged, foreign):
        first.files.pipe_file(place, b"half")
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs/result.json").write_text(f'"{fingerprint({"number": 1})}"')
    settings = {"gigabytes": None, "results": str(tmp_path / "outputs"), "referred": False}
    assert "of 3 models (0.0 MB) 2 (0.0 MB) would be removed" in prune(first, days=1e-9, delete=False, **settings)
    monkeypatch.setattr(pruning, "EXPIRES", -10.0)
    assert "2 (0.0 MB) are removed, and 1 leavings" in prune(first, days=1e-9, delete=True, **settings)
    second = machine("second")
    assert [second.holds(fingerprint({"number": number})) for number in range(3)] == [False, True, False]
    assert (first.files.exists(damaged), first.files.exists(foreign)) == (False, True)
    assert not any("damaged" in path for path in first.files.ls(f"{first.root}/claims", detail=False))


def test_a_store_in_a_bucket_is_opened_anew_by_another_process(machine):
    store = pickle.loads(pickle.dumps(machine("first")))
    assert trained(store)


def test_a_bucket_that_cannot_be_reached_is_a_sentence(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(UserError, match=r"^store=s3://nowhere/x: cannot be reached \("):
        open_store("s3://nowhere/x")
    with pytest.raises(UserError, match=r"^store=gone://x: cannot be reached \("):
        open_store("gone://x")
