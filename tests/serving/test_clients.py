"""Budgets are never overrun, whoever asks at the same time, and survive the server."""

import threading

import pytest

from privattack.errors import UserError
from privattack.serving.clients import ANONYMOUS, BudgetSpent, Clients, OtherRequest


@pytest.fixture
def clients(tmp_path):
    made = Clients(tmp_path / "clients.sqlite")
    yield made
    made.close()


def test_a_key_is_its_clients_alone_and_stands_nowhere(clients, tmp_path):
    key, other = clients.add("alice", budget=10), clients.add("bob", budget=10)
    assert (clients.known(key), clients.known(other)) == ("alice", "bob")
    secret = key.partition(".")[2]
    for wrong in ("", "alice", "alice.", f"bob.{secret}", f"{key}x", "carol.x", f"{ANONYMOUS}.", ANONYMOUS, None):
        assert clients.known(wrong) is None
    for path in tmp_path.iterdir():
        assert secret.encode() not in path.read_bytes()


@pytest.mark.parametrize("name", ["alice", ANONYMOUS, "", "a.b", "x" * 51])
def test_a_name_that_cannot_be_is_refused(clients, name):
    clients.add("alice", budget=1)
    with pytest.raises(UserError, match=rf"^serve\.add={name}: (has a key already|needs letters)"):
        clients.add(name, budget=1)


def test_who_has_no_key_is_let_in_only_where_that_is_allowed(clients):
    assert clients.known(None) is None
    clients.let_in_without_key(5)
    clients.pay(ANONYMOUS, 3)
    clients.let_in_without_key(6)  # a restart forgets nothing
    assert (clients.known(None), clients.spent(ANONYMOUS)) == (ANONYMOUS, (3, 6))
    clients.let_in_without_key(None)
    assert clients.known(None) is None


def test_a_budget_is_spent_to_the_last_image_and_no_further_by_many_servers_at_once(tmp_path):
    path = tmp_path / "clients.sqlite"
    Clients(path).add("alice", budget=100)
    paid = []

    def spend() -> None:
        mine = Clients(path)
        for _ in range(30):
            try:
                mine.pay("alice", 3)
                paid.append(3)
            except BudgetSpent:
                continue
        mine.close()

    threads = [threading.Thread(target=spend) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = Clients(path)
    assert sum(paid) == 99
    assert after.spent("alice") == (99, 100)
    after.pay("alice", 1)
    with pytest.raises(BudgetSpent):
        after.pay("alice", 1)


def test_a_repeated_request_is_paid_once_and_answered_alike(clients, tmp_path):
    clients.add("alice", budget=10)
    clients.add("bob", budget=10)
    assert clients.pay("alice", 4, key="k", content=b"a") is None
    assert clients.pay("alice", 4, key="k", content=b"a") is None  # it was never answered
    clients.keep("alice", "k", (b"said", {"a": "b"}))
    again = Clients(tmp_path / "clients.sqlite")
    assert again.pay("alice", 4, key="k", content=b"a") == (b"said", {"a": "b"})
    with pytest.raises(OtherRequest):
        again.pay("alice", 4, key="k", content=b"b")
    assert again.pay("bob", 4, key="k", content=b"b") is None
    assert (again.spent("alice"), again.spent("bob")) == ((4, 10), (4, 10))


def test_a_request_that_the_budget_does_not_hold_is_not_remembered_as_paid(clients):
    clients.add("alice", budget=3)
    for _ in range(2):
        with pytest.raises(BudgetSpent):
            clients.pay("alice", 4, key="k", content=b"a")
    assert clients.spent("alice") == (0, 3)


def test_what_is_not_answered_is_given_back_and_forgotten(clients):
    clients.add("alice", budget=10)
    for content in (b"a", b"b"):  # another request may have the same key then
        clients.pay("alice", 4, key="k", content=content)
        clients.give_back("alice", 4, key="k")
    clients.pay("alice", 3)
    clients.pay("alice", 2)
    clients.give_back("alice", 2)
    assert clients.spent("alice") == (3, 10)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "a").write_text("no database, and long enough to be seen as none" * 10)
    with pytest.raises(UserError, match=r"^serve\.clients=.*: cannot be opened \(file is not a database\)"):
        Clients(tmp_path / "a")
