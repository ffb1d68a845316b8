"""Make the summary and the page over any set of results: `python -m privattack.report PATH... [--output FOLDER]`."""

import argparse
import logging
import sys
from pathlib import Path

from privattack.errors import UserError
from privattack.report.make import make


def main() -> None:
    """Read the command line, write `summary.csv` and `report.html`, print where they lie and what they say."""
    parser = argparse.ArgumentParser(prog="python -m privattack.report", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a folder of runs or of sweeps")
    parser.add_argument("--output", type=Path, help="where to write (default: the first PATH)")
    arguments = parser.parse_args()
    logging.basicConfig(format="%(levelname)s %(message)s")
    try:
        print(make(arguments.paths, arguments.output or arguments.paths[0]))
    except UserError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
