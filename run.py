"""The command line: Hydra composes the settings, one call runs the experiment (privattack/command_line/job.py).

python run.py --help
"""

from privattack.__main__ import main

if __name__ == "__main__":
    main()
