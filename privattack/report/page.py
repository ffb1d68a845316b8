"""One self-contained page over a set of results: `report.html`."""

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from plotly.offline import get_plotlyjs

from privattack.atomic_write import write_whole
from privattack.findings.findings import findings
from privattack.report import contest_views
from privattack.report.configurations import configurations
from privattack.report.drawing import Panel
from privattack.report.plots import against_budget, histograms, privacy_against_utility, rocs
from privattack.report.rankings import plots, rankings, tables
from privattack.report.surrogates import copies
from privattack.report.tables import table
from privattack.report.together import together
from privattack.results.collect import Collection
from privattack.results.contests import contests

FIRST_FINDINGS = 12
PANELS = 24  # in a section: more are not looked at


def write_page(path: Path, collection: Collection) -> list[str]:
    """Write the page, whole or not at all, and return its findings."""
    found = findings([run.result for run in collection.runs])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page(collection, found).encode())
    return found


def page(collection: Collection, found: Sequence[str]) -> str:
    """Return the page's HTML; a section without data is left out."""
    runs, panels = collection.runs, Panels()
    ranking, compared = rankings(runs), contests([run.result for run in runs])
    sections = [
        _findings(found),
        _section("Attacks and defences", table(collection)),
        _section("Attackers, ranked", tables(ranking) + panels.place(plots(ranking, runs))),
        _section("What the attacks find together", together(runs)),
        _section("Who copies best", contest_views.tables(compared) + panels.place(contest_views.panels(compared))),
        _section("Copies and what they cost", copies(runs)),
        panels.section(
            "Success against budget",
            "Bands are 95 % intervals. What was queried is left out of the accuracy.",
            against_budget(runs),
        ),
        panels.section(
            "ROC",
            "Mean over repetitions. What matters is the left: how many members are found with few false alarms. "
            "A name in the legend that is pale is shown by a click.",
            rocs(runs),
        ),
        panels.section("Membership scores", "Of all repetitions together.", histograms(runs)),
        panels.section(
            "Privacy against utility",
            "For each defence the strongest attack over all its runs, against what honest users get. "
            "Lower is more private; bars are 95 % intervals.",
            privacy_against_utility(runs),
        ),
        _section("Settings", configurations(collection)),
    ]
    return Template(_resource("page.html")).substitute(
        title=escape(_title(collection)), body=_head(collection) + "".join(sections), scripts=panels.scripts()
    )


class Panels:
    """The page's plots, numbered as they are placed."""

    def __init__(self) -> None:
        self.plots: list[str] = []

    def section(self, title: str, text: str, panels: Sequence[Panel]) -> str:
        """Return a section with a place for each plot; nothing where there is none."""
        if not panels:
            return ""
        return _section(title, f'<p class="quiet">{escape(text)}</p>\n{self.place(panels)}')

    def place(self, panels: Sequence[Panel]) -> str:
        """Return a place for each plot, the folded ones behind a line that opens; nothing where there is none."""
        seen, folded = ([panel for panel in panels if panel.folded == hidden] for hidden in (False, True))
        places = self._grid(seen)
        if folded:
            places += f"<details><summary>{len(folded)} more</summary>{self._grid(folded)}</details>"
        return places

    def _grid(self, panels: Sequence[Panel]) -> str:
        if not panels:
            return ""
        left = len(panels) - PANELS
        note = f'<p class="quiet">The first {PANELS} of {len(panels)}; the tables have the others\' figures.</p>'
        pairs = " pairs" * all(panel.half for panel in panels)
        places = "".join(self._place(panel) for panel in panels[:PANELS])
        return f'{note if left > 0 else ""}<div class="panels{pairs}">{places}</div>'

    def _place(self, panel: Panel) -> str:
        number = len(self.plots)
        # A script ends at the first `</`, wherever it stands.
        self.plots.append((panel.plot.to_json() or "").replace("<", "\\u003c"))
        words = escape(f"{panel.title}: {panel.description}")
        wide = ' class="wide"' * panel.wide
        height = panel.plot.layout.height
        return (
            f"<figure{wide}><figcaption><h3>{escape(panel.title)}</h3></figcaption>"
            f'<div class="plot" style="min-height: {height}px" data-figure="{number}" role="img" aria-label="{words}">'
            "</div></figure>\n"
        )

    def scripts(self) -> str:
        """Return the library, once, the plots' data and what draws them; nothing where nothing is drawn."""
        if not self.plots:
            return ""
        return (
            f"<script>{get_plotlyjs()}</script>\n"
            f'<script type="application/json" id="figures">[{",".join(self.plots)}]</script>\n'
            f"<script>{_resource('plots.js')}</script>"
        )


def _title(collection: Collection) -> str:
    attacks = dict.fromkeys(run.result.run.attack for run in collection.runs)
    return " - ".join(["privattack", ", ".join(attacks) or "failed jobs"])


def _head(collection: Collection) -> str:
    runs, jobs = len(collection.runs), len(collection.failures)
    words = f"{runs} run{'s' * (runs != 1)}"
    if jobs:
        words += f", and {jobs} job{'s' * (jobs != 1)} that failed"
    versions = dict.fromkeys(json.dumps(run.result.versions) for run in collection.runs)
    made = "; ".join(", ".join(f"{name} {number}" for name, number in json.loads(one).items()) for one in versions)
    return (
        f"<h1>{escape(_title(collection))}</h1>\n"
        f'<p class="quiet">{words}. {escape(made)}. Figures in brackets are 95 % intervals.</p>\n'
    )


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>\n" if content else ""


def _findings(found: Sequence[str]) -> str:
    if not found:
        return ""
    items = [f"<li>{escape(sentence)}</li>" for sentence in found]
    content = f"<ol>{''.join(items[:FIRST_FINDINGS])}</ol>"
    if rest := items[FIRST_FINDINGS:]:
        content += (
            f"<details><summary>{len(rest)} more</summary>"
            f'<ol start="{FIRST_FINDINGS + 1}">{"".join(rest)}</ol></details>'
        )
    return _section("Findings", content)


def _resource(name: str) -> str:
    return (files("privattack.report") / name).read_text(encoding="utf-8")
