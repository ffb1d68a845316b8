"""What a wheel holds, and that it works in an empty folder."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel of this checkout."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True)
    (made,) = folder.glob("*.whl")
    return made


def test_a_wheel_holds_the_package_its_settings_and_a_command(wheel):
    with zipfile.ZipFile(wheel) as file:
        held = {name for name in file.namelist() if ".dist-info/" not in name}
        (entry,) = (name for name in file.namelist() if name.endswith("entry_points.txt"))
        commands = file.read(entry).decode()
    settings = {f"privattack/{path.relative_to(ROOT)}" for path in (ROOT / "conf").rglob("*.yaml")}
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "privattack").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert "privattack/py.typed" in package
    assert held == package | settings
    assert "privattack = privattack.__main__:main" in commands


@pytest.mark.slow
def test_a_wheel_in_a_new_environment_runs_in_an_empty_folder(wheel, tmp_path):
    environment, empty = tmp_path / "environment", tmp_path / "empty"
    venv.create(environment, with_pip=True)
    empty.mkdir()
    # What privattack needs is taken from here, as PyTorch is large.
    (library,) = environment.glob("lib/python*/site-packages")
    (library / "here.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    install = [
        environment / "bin/python",
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-index",
        "--force-reinstall",
        wheel,
    ]
    subprocess.run(install, check=True)
    command = [environment / "bin/privattack", "data=digits", "target.epochs=1", "surrogate.epochs=1", "repetitions=1"]
    elsewhere = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=empty, env=elsewhere, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (result,) = empty.glob("outputs/mea-none-b200-*/*/result.json")
    assert (result.parent / "report.html").exists()
    assert str(library) in (result.parent / ".hydra/hydra.yaml").read_text()  # where its settings came from
    asked = subprocess.run([*command, "attac=mea"], cwd=empty, env=elsewhere, capture_output=True, text=True)
    assert "did you mean attack?" in asked.stderr
