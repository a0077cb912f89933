"""Write reports: the page as Markdown, the numbers as JSON, and the files of a report."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from codecnn.io.files import write_whole

SCHEMA = "codecnn-results-1"  # of results.json; described by results.schema.json
_TEMPLATES = Environment(  # Markdown, not HTML
    loader=PackageLoader("experiments.reports.shared", "."), undefined=StrictUndefined, keep_trailing_newline=True
)
_TEMPLATES.filters["inline"] = lambda text: " ".join(str(text).split("\n"))
_TEMPLATES.filters["cell"] = lambda text: " ".join(str(text).split("\n")).replace("|", "\\|")


class Table(NamedTuple):
    """Hold a table: its cells as text, the first `texts` columns to the left and all others to the right."""

    headings: Sequence[str]
    texts: int
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Return the table as Markdown."""
        return _TEMPLATES.get_template("table.md.jinja").render(table=self)


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
    """Return results.json: the tables of a report as lists of rows, with null for what is not finite."""
    content = {"schema": SCHEMA, "report": report, "about": about, **more, "tables": tables}
    return (json.dumps(_finite(content), indent=1, allow_nan=False) + "\n").encode()


def save(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a report into a folder, which is made if there is none, and say so."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_whole(folder / name, content)
    print(f"saved {', '.join(files)} in {folder}")


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
