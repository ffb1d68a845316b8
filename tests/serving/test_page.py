"""What the page on HTTP shows works from outside: by `curl`, and by a toolbox of others."""

import json
import re
import runpy
import shutil
import subprocess

import pytest

from tests.remote.serving import app_of, listening
from tests.test_readme import ROOT, script

SMALL = ["data=digits", "target=mlp", "target.epochs=3", "trainer=cpu"]


@pytest.fixture
def served(tmp_path):
    """Yield the address of a service whose model is called toy, and its clients."""
    app, clients = app_of(tmp_path, *SMALL, f"store={tmp_path / 'store'}")
    with listening(app) as url:
        yield url, clients
    clients.close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_is_answered(served):
    url, clients = served
    (command,) = re.findall(r"^curl .*$", (ROOT / ".github/docs/http.md").read_text(), flags=re.MULTILINE)
    command = command.replace("localhost:8000", url).replace("lenet", "toy")
    said = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout
    outputs = {output["name"]: output["data"] for output in json.loads(said)["outputs"]}
    assert sum(outputs["probabilities"]) == pytest.approx(1, abs=1e-5)
    assert outputs["probabilities"][outputs["label"][0]] == max(outputs["probabilities"])
    assert clients.spent("anonymous")[0] == 1


@pytest.mark.slow
def test_a_toolbox_of_others_steals_the_model_and_pays_for_each_image(served, tmp_path):
    pytest.importorskip("art", reason="adversarial-robustness-toolbox is not installed")
    url, clients = served
    (tmp_path / "script.py").write_text(script("http.md").replace("http://localhost:8000", url))
    found = runpy.run_path(str(tmp_path / "script.py"))
    assert found["fidelity"] > 0.8
    assert clients.spent("anonymous")[0] == 1_000 + len(found["test"])
