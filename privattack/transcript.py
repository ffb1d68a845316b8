"""Transcripts of remote victims as Parquet, out and in.

    python -m privattack.transcript export outputs/transcript.sqlite answers.parquet
    python -m privattack.transcript import answers.parquet outputs/transcript.sqlite

`victim.offline=true` runs attacks again on what a transcript holds.
"""

import argparse
import sys
from pathlib import Path

from privattack.errors import UserError


def main() -> None:
    """Read the command line and exit: 0 well, 1 something given cannot work."""
    parser = argparse.ArgumentParser(
        prog="python -m privattack.transcript", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("direction", choices=["export", "import"])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    try:
        from privattack.remote.exchange import export_transcript, import_transcript

        exchange = export_transcript if arguments.direction == "export" else import_transcript
        print(f"{arguments.target}: {exchange(arguments.source, arguments.target)} answers")
    except UserError as error:
        sys.exit(f"Error: {error}")
    except ImportError as error:
        sys.exit(f"Error: {error.name} is not installed; pip install 'privattack[remote]' brings it.")


if __name__ == "__main__":
    main()
