"""Against servers that nobody here wrote: attacks work, and what the ledger says was sent is what the server counted.

`set_up.py` sets the servers up; `PRIVATTACK_SERVERS` names the folder.
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.running import run_in

FOLDER = Path(os.environ.get("PRIVATTACK_SERVERS", "nowhere")).resolve()
NAMES = ["mlserver", "kserve", "mlflow"]
pytestmark = pytest.mark.slow

FLAT = ["victim.layout=flat", "victim.model=digits"]
WORDS = {
    "mlserver": [*FLAT, "victim.input=predict", "victim.output=predict_proba"],
    "kserve": [*FLAT, "victim.output=probabilities", "victim.binary=true"],
    "mlflow": ["victim.layout=flat", "victim.protocol=mlflow"],
}
READY = {"mlserver": "/v2/models/digits/ready", "kserve": "/v2/models/digits/ready", "mlflow": "/ping"}
SMALL = ["data=digits", "target=mlp", "surrogate.epochs=5", "trainer=cpu"]
BOUNDARY = ["attack=label_only_boundary", "attack.queries=60", "budget=2400", "shadow.count=4", "shadow.processes=1",
            "shadow.epochs=3", "shadow.other_recipe=true", "victim.send_members=true"]  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module", params=NAMES)
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, str, Path]]:
    """Yield a server's name, its address and its folder."""
    name, port = request.param, free_port()
    place = FOLDER / name / "model"
    if not place.exists():
        pytest.skip(f"{name} is not set up: tests/servers/set_up.py")
    programs = FOLDER / name / "bin"
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "COUNTS": str(place / "counts.txt")}
    environment.pop("PYTHONPATH", None)
    command = {
        "mlserver": [programs / "mlserver", "start", "."],
        "kserve": [programs / "python", "counting.py", str(port)],
        "mlflow": [programs / "mlflow", "models", "serve", "-m", "saved", "-p", str(port), "--env-manager", "local"],
    }[name]
    ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    environment |= {f"MLSERVER_{key.upper()}": str(value) for key, value in ports.items()}
    environment |= {"MLSERVER_HOST": "127.0.0.1", "MLSERVER_PARALLEL_WORKERS": "0"}
    with (place / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=place, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        until_ready(process, url + READY[name], place / "server.log")
        yield name, url, place
    finally:
        process.terminate()
        process.wait(timeout=30)


def until_ready(process: subprocess.Popen, url: str, log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(url).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    pytest.fail(log.read_text())


@pytest.mark.parametrize("attack", [["attack=mea", "repetitions=2"], BOUNDARY], ids=lambda words: words[0])
def test_attacks_work_and_the_server_counted_what_the_ledger_says(server, attack, tmp_path):
    name, url, place = server
    (place / "counts.txt").write_text("")
    words = ["victim=remote", f"victim.url={url}", "victim.consent=true", *WORDS[name], *attack,
             f"victim.transcript={tmp_path / 'transcript.sqlite'}"]  # fmt: skip
    if attack is BOUNDARY:
        words.append(f"target.members={place / 'members.npy'}")
    result = run_in(tmp_path / "run", *words, settings=SMALL)
    counts = [int(line) for line in (place / "counts.txt").read_text().split()]
    assert (result["remote"]["requests"], result["remote"]["sent"]) == (len(counts), sum(counts))
    if attack is not BOUNDARY:
        assert result["target"]["test_accuracy"]["value"] > 0.85
        best = max(attacker["metrics"]["fidelity"]["value"] for attacker in result["attackers"])
        assert best > 0.5
    again = run_in(tmp_path / "again", *words, settings=SMALL)
    assert again["remote"]["sent"] == 0
    assert again["attackers"] == result["attackers"]
