"""A report's plots as files: `privattack figures PATH... --format svg|pdf|png [--output FOLDER]`."""

import argparse
import logging
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from privattack.errors import UserError
from privattack.report.draw import save
from privattack.report.page import sections
from privattack.results.collect import Collection, collect


def write_figures(collection: Collection, folder: Path, form: str) -> list[Path]:
    """Write each plot of the page into a folder, made where it is not there, and return the files in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for section in sections(collection):
        for panel in section.panels:
            name = re.sub(r"[^\w.=-]+", "_", f"{section.title}-{panel.title}").lower()
            # A file name has 255 bytes, not letters.
            name = name.encode()[:120].decode(errors="ignore")
            place = folder / f"{len(written) + 1:02}-{name}.{form}"
            save(panel, place)
            written.append(place)
    return written


def main(words: Sequence[str]) -> None:
    """Write plots as the command line says, and print where they lie."""
    parser = argparse.ArgumentParser(prog="privattack figures", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a folder of runs or of sweeps")
    parser.add_argument("--format", choices=("svg", "pdf", "png"), default="svg", help="pdf for LaTeX (default: svg)")
    parser.add_argument("--output", type=Path, help="a folder (default: figures in the first PATH)")
    arguments = parser.parse_args(words)
    logging.basicConfig(format="%(levelname)s %(message)s")
    try:
        collection = collect(arguments.paths)
    except UserError as error:
        sys.exit(f"Error: {error}")
    written = write_figures(collection, arguments.output or arguments.paths[0] / "figures", arguments.format)
    if not written:
        sys.exit(f"Error: {', '.join(map(str, arguments.paths))}: no result there has a plot.")
    print(*written, sep="\n")
