"""The README's script runs as it stands."""

import re
import runpy
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()


def script(section: str) -> str:
    """Return the Python of a section."""
    (text,) = re.findall(rf"^## {section}$(.*?)^## ", README, flags=re.MULTILINE | re.DOTALL)
    (code,) = re.findall(r"^```python$(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return code


@pytest.mark.filterwarnings("ignore")
def test_the_script_from_python_does_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.py").write_text(script("From Python"))
    names = runpy.run_path("script.py")
    assert names["run"].result.run.attack == "mia"
    assert names["found"].result.attackers[0].metrics["auc"].value > 0.6
    assert names["service"].remaining == 0
    assert (tmp_path / "outputs/report.html").exists()
