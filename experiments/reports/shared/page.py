"""Write reports: the page as Markdown and HTML, the numbers as JSON, and the files of a report."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from codecnn.io.files import write_whole
from command_line.progress import say
from command_line.terminal import printable
from experiments.reports.shared.table import Table, escaped
from html_pages.curves import Plot, curves_html
from html_pages.markdown import sections_of
from html_pages.page import Section, part, render
from html_pages.pictures import images_html

SCHEMA = "codecnn-results-1"  # of results.json; described by results.schema.json
_TEMPLATES = Environment(  # Markdown, not HTML
    loader=PackageLoader("experiments.reports.shared", "."), undefined=StrictUndefined, keep_trailing_newline=True
)
_TEMPLATES.filters["escaped"] = escaped


@dataclass(frozen=True)
class Page:
    """Hold a report: its title, what was measured with what, and its blocks.

    What of the former has a name that ends in "caution" stands at the top of the HTML file as well.

    A block is a Table, or a text in Markdown without names: a paragraph, or a heading that begins with "## ". Curves
    stand in the HTML file for the PNG file of their name.
    """

    title: str
    about: Mapping[str, str]
    blocks: Sequence[str | Table]
    curves: Mapping[str, Sequence[Plot]] = field(default_factory=dict)

    def made_by(self, origin: Mapping[str, str]) -> "Page":
        """Return the page with more lines on what it was made with."""
        return replace(self, about={**self.about, **origin})

    def written(self) -> list[str]:
        """Return the blocks as Markdown."""
        return [block if isinstance(block, str) else block.markdown() for block in self.blocks]

    def markdown(self) -> str:
        """Return the page as Markdown."""
        blocks = self.written()
        return _TEMPLATES.get_template("page.md.jinja").render(title=self.title, about=self.about, blocks=blocks)

    def html(self, numbers: bytes, images: Mapping[str, bytes], more: Sequence[Section] = ()) -> bytes:
        """Return the page as an HTML file that needs nothing else.

        numbers: results.json, whose notes are shown; images: the plots by the names of their PNG files; more: sections
        to be shown before where the numbers come from.
        """
        plots = [plot for curves in self.curves.values() for plot in curves]
        drawn = curves_html(plots) + images_html({name: images[name] for name in images if name not in self.curves})
        notes = json.loads(numbers).get("notes")
        written = json.dumps(notes, indent=1, ensure_ascii=False) if notes else ""
        cautions = [f"**{k.capitalize()}:** {escaped(text)}" for k, text in self.about.items() if k.endswith("caution")]
        sections = [*sections_of([*cautions, *self.written()]), Section("Plots", drawn), *more]
        sections.append(Section("Provenance", part("provenance.html.jinja", about=self.about, notes=written)))
        return render(self.title, [section for section in sections if section.html.strip()], self.markdown())


def results(report: str, about: Mapping[str, str], tables: Mapping[str, Sequence[Any]], **more: object) -> bytes:
    """Return results.json: the tables of a report as lists of rows, with null for numbers that are not finite.

    A row is a dataclass or a dictionary. `more` are further fields beside the tables, such as the notes of weights.
    """
    content = {"schema": SCHEMA, "report": report, "about": about, **more, "tables": tables}
    return (json.dumps(_plain(content), indent=1, allow_nan=False) + "\n").encode()


def finish(
    folder: Path,
    page: Page,
    numbers: bytes,
    plots: Mapping[str, Callable[[], bytes]],
    printed_until: str = "",
    more: Callable[[], Sequence[Section]] = tuple,
) -> None:
    """Save a report as report.md, results.json, the PNG files of its plots and report.html, and print it.

    The plots are drawn last, so that an error in drawing loses nothing that was measured. The folder is made if there
    is none.

    printed_until: the first section that is saved but not printed, by how its heading begins; if empty, all is printed.
    more: makes further sections of report.html, such as pictures.
    """
    text = page.markdown()
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "report.md", text.encode())
    write_whole(folder / "results.json", numbers)
    say(text.split(f"\n{printed_until}")[0] if printed_until else text)
    images = {}
    for name, draw in plots.items():
        images[name] = draw()
        write_whole(folder / name, images[name])
    write_whole(folder / "report.html", page.html(numbers, images, more()))
    say(f"saved {', '.join(['report.md', 'results.json', *plots, 'report.html'])} in {printable(str(folder))}")


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
