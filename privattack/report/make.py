"""From folders of results to `summary.csv` and `report.html`."""

from collections.abc import Sequence
from pathlib import Path

from privattack.errors import UserError
from privattack.report.claims import write_claims
from privattack.report.page import write_page
from privattack.report.summary import write_summary
from privattack.results.collect import collect

PAGE, SUMMARY = "report.html", "summary.csv"
PRINTED = 3


def make(paths: Sequence[Path], output: Path, *, pictures: bool = False) -> str:
    """Write the table and the page over all results below `paths` into `output`.

    Args:
        paths: folders with results in or below them.
        output: a folder, made where it is not there.
        pictures: whether events for TensorBoard are written into `output` as well.

    Returns:
        What to print: the first findings, and where the page lies.

    Raises:
        UserError: a path is not there, or holds no result.
    """
    collection = collect(paths)
    if not collection.runs and not collection.failures:
        shown = ", ".join(map(str, paths))
        raise UserError(f"{shown}: holds no result that can be read; name a folder with a result.json in or below it.")
    output.mkdir(parents=True, exist_ok=True)
    write_summary(output / SUMMARY, collection)
    write_claims(output, collection.runs)
    found = write_page(output / PAGE, collection)
    if pictures and collection.runs:
        # Here and not above: it imports PyTorch, which takes seconds.
        from privattack.report.pictures import write_pictures

        write_pictures(output, collection.runs)
    return "\n".join([*(f"finding: {sentence}" for sentence in found[:PRINTED]), f"report: {output / PAGE}"])
