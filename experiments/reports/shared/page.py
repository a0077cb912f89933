"""Write reports: the page as Markdown, the numbers as JSON, and the files of a report."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from codecnn.io.files import write_whole
from experiments.reports.shared.means import cell, mean_cell

SCHEMA = "codecnn-results-1"  # of results.json; described by results.schema.json
_TEMPLATES = Environment(  # Markdown, not HTML
    loader=PackageLoader("experiments.reports.shared", "."), undefined=StrictUndefined, keep_trailing_newline=True
)
_TEMPLATES.filters["one_line"] = lambda text: " ".join(text.split("\n"))
_TEMPLATES.filters["cell"] = lambda text: " ".join(text.split("\n")).replace("|", "\\|")


class Column(NamedTuple):
    """Describe a column of a table: its heading, and the format of its numbers, such as "+.2f"."""

    heading: str
    form: str = ""


class MeanCell(NamedTuple):
    """Hold a cell with the mean of the clips in which a figure is defined, and the number of all clips."""

    value: float
    defined: int
    clips: int
    bold: bool = False


Cell = str | float | MeanCell


class Table(NamedTuple):
    """Hold a table; a column of texts may be given by its heading.

    The first `texts` columns are aligned to the left, all others to the right. Cells are texts, which are written as
    they are, and numbers or means, which are written in the format of their column; NaN is an empty cell.
    """

    columns: Sequence[str | Column]
    texts: int
    rows: Sequence[Sequence[Cell]]

    def markdown(self) -> str:
        """Return the table as Markdown."""
        columns = [Column(column) if isinstance(column, str) else column for column in self.columns]
        rows = [[_text(value, column.form) for value, column in zip(row, columns, strict=True)] for row in self.rows]
        headings = [column.heading for column in columns]
        return _TEMPLATES.get_template("table.md.jinja").render(headings=headings, texts=self.texts, rows=rows)


@dataclass(frozen=True)
class Page:
    """Hold a report: its title, what was measured with what, and its blocks.

    A block is a Table or a text: a paragraph, or a heading that begins with "## ".
    """

    title: str
    about: Mapping[str, str]
    blocks: Sequence[str | Table]

    def markdown(self) -> str:
        """Return the page as Markdown."""
        blocks = [block if isinstance(block, str) else block.markdown() for block in self.blocks]
        return _TEMPLATES.get_template("page.md.jinja").render(title=self.title, about=self.about, blocks=blocks)


def results(report: str, about: Mapping[str, str], tables: Mapping[str, Sequence[Any]], **more: object) -> bytes:
    """Return results.json: the tables of a report as lists of rows, with null for numbers that are not finite.

    A row is a dataclass or a dictionary. `more` are further fields beside the tables, such as the notes of weights.
    """
    content = {"schema": SCHEMA, "report": report, "about": about, **more, "tables": tables}
    return (json.dumps(_plain(content), indent=1, allow_nan=False) + "\n").encode()


def save(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a report into a folder, which is made if there is none, and say so."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_whole(folder / name, content)
    print(f"saved {', '.join(files)} in {folder}")


def finish(folder: Path, page: Page, numbers: bytes, plots: Mapping[str, bytes], printed_until: str = "") -> None:
    """Print a report, and save it as report.md, results.json and the PNG files of its plots.

    printed_until: the first section that is saved but not printed, by how its heading begins; if empty, all is printed.
    """
    text = page.markdown()
    print(text.split(f"\n{printed_until}")[0] if printed_until else text)
    save(folder, {"report.md": text.encode(), "results.json": numbers, **plots})


def _text(value: Cell, form: str) -> str:
    if isinstance(value, MeanCell):
        return mean_cell(value.value, form, value.defined, value.clips, value.bold)
    return value if isinstance(value, str) else cell(value, form)


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
