"""Sets up model servers that others wrote, each in a virtual environment of its own, with a classifier of digits.

    python tests/servers/set_up.py FOLDER [mlserver] [kserve] [mlflow]
    PRIVATTACK_SERVERS=FOLDER pytest -m slow tests/servers

Each server counts in its own process what it is asked: a line with the number of images for each request.
"""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np

from privattack.data.sources import digits

HERE = Path(__file__).parent
NEEDS = {
    "mlserver": ["mlserver==1.7.1", "mlserver-sklearn==1.7.1"],
    "kserve": ["kserve==0.21.0", "scikit-learn"],
    "mlflow": ["mlflow-skinny==3.17.2", "pandas", "scikit-learn"],  # all that serving takes
}
MEMBERS = 600  # images of the training part that the classifier learns


def set_up(folder: Path, name: str) -> None:
    """Make the environment of a server where it is missing, and train its classifier."""
    place = folder / name
    python = place / "bin/python"
    if not python.exists():
        venv.create(place, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *NEEDS[name]], check=True)  # again where it was killed
    model = place / "model"
    shutil.rmtree(model, ignore_errors=True)
    model.mkdir()
    train = digits().train
    np.savez(
        model / "digits.npz",
        images=train.pixels()[:MEMBERS].flatten(1).numpy(),
        labels=train.labels[:MEMBERS].numpy(),
    )
    np.save(model / "members.npy", np.arange(MEMBERS))
    for file in (HERE / name).iterdir():
        if file.is_file():
            shutil.copy(file, model)
    shutil.copy(HERE / "train.py", model)
    subprocess.run([python, "train.py"], cwd=model, check=True)


def main() -> None:
    """Set up the servers that the command line names, or all."""
    folder, *names = sys.argv[1:]
    for name in names or NEEDS:
        set_up(Path(folder).resolve(), name)
        print(f"{name}: ready")


if __name__ == "__main__":
    main()
