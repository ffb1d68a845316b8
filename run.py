"""The command line: Hydra composes the settings, one call runs the experiment.

python run.py --help
"""

import hydra
from omegaconf import DictConfig

from privattack import command_line


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def job(config: DictConfig) -> None:
    """Run one experiment; a sweep calls this once per job."""
    command_line.run_job(config)


if __name__ == "__main__":
    command_line.main(job)
