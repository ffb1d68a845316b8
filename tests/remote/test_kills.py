"""Client and server killed at random in mid-attack: no answered query is paid again, and none is lost."""

import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("PRIVATTACK_KILLS", 25))  # of each
TARGET = ["data=digits", "target=mlp", "target.epochs=1", "trainer=cpu"]
BUDGET = 6_000
# A few images a request, slowly: a signal finds many requests under way, and the last kill finds the attack going on.
PROGRAM = f"""
import sys, torch
import privattack.remote.sender as sender
from privattack.defences.none import NoDefence
from privattack.data.sources import digits
from privattack.remote.victim import RemoteVictims
sender.LONGEST = 2.0  # a killed server is back soon
data, url, transcript = digits(), *sys.argv[1:]
images = torch.rand({BUDGET}, 1, 28, 28, generator=torch.Generator().manual_seed(0))
victims = RemoteVictims(url=url, model="toy", consent=True, transcript=transcript, batch_size=3, concurrency=8,
                        resend=True, retries=100, rate=150.0)
with victims.connected(data, NoDefence(), data.train.take(torch.arange(0))) as victim:
    victim.open(budget={BUDGET}, seed=0).query(images)
print("done")
"""


class Process:
    """A program that is started again after each kill."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.command, self.folder = command, folder
        self.start()

    def start(self) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        self.running = subprocess.Popen(
            self.command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def kill(self) -> None:
        self.running.send_signal(signal.SIGKILL)
        self.running.wait()
        self.start()


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def server(tmp_path: Path, port: int) -> Iterator[Process]:
    words = [*TARGET, f"serve.port={port}", "serve.metrics_port=null", "serve.name=toy", "serve.without_key=1000000"]
    made = Process([sys.executable, "-m", "privattack.serve", *words], tmp_path)
    yield made
    made.running.kill()


def up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/v2/health/ready").is_success
    except httpx.HTTPError:
        return False


def rows(path: Path, query: str) -> int:
    with sqlite3.connect(path, timeout=30) as database:
        return database.execute(query).fetchone()[0] or 0


def test_fifty_kills_pay_for_no_answer_twice(server, port, tmp_path):
    while not up(port):
        assert server.running.poll() is None, server.running.communicate()
        time.sleep(0.2)
    transcript, clients = tmp_path / "transcript.sqlite", tmp_path / "outputs/clients.sqlite"
    client = Process([sys.executable, "-c", PROGRAM, f"http://127.0.0.1:{port}", str(transcript)], tmp_path)
    choose, kills = random.Random(0), {"client": 0, "server": 0}
    answered = "SELECT count(*) FROM queries WHERE answer IS NOT NULL"
    while client.running.poll() is None or client.running.returncode != 0:
        if client.running.poll() is not None:  # the server was away for too long
            assert "victim.url: " in client.running.communicate()[0]
            client.start()
        before = rows(transcript, answered) if transcript.exists() and up(port) else None
        time.sleep(choose.uniform(0, 0.3))
        if before is None or rows(transcript, answered) == before or rows(transcript, answered) >= BUDGET:
            continue  # it is starting, or done
        victim = choose.choice([name for name, count in kills.items() if count < KILLS] or [""])
        if victim:
            kills[victim] += 1
            (client if victim == "client" else server).kill()
    assert client.running.communicate()[0].endswith("done\n")
    assert rows(transcript, answered) >= BUDGET
    # What the server charged is what the client has: nothing was paid twice, nothing was lost.
    assert rows(clients, "SELECT spent FROM clients") == rows(transcript, answered)
    print(kills)
    assert sum(kills.values()) == 2 * KILLS
