"""Write reports: the page as Markdown, the numbers as JSON, and the files of a report."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from codecnn.io.files import write_whole
from command_line.terminal import printable
from experiments.reports.shared.table import Table, escaped

SCHEMA = "codecnn-results-1"  # of results.json; described by results.schema.json
_TEMPLATES = Environment(  # Markdown, not HTML
    loader=PackageLoader("experiments.reports.shared", "."), undefined=StrictUndefined, keep_trailing_newline=True
)
_TEMPLATES.filters["escaped"] = escaped


@dataclass(frozen=True)
class Page:
    """Hold a report: its title, what was measured with what, and its blocks.

    A block is a Table, or a text in Markdown without names: a paragraph, or a heading that begins with "## ".
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


def finish(
    folder: Path, page: Page, numbers: bytes, plots: Mapping[str, Callable[[], bytes]], printed_until: str = ""
) -> None:
    """Save a report as report.md, results.json and the PNG files of its plots, and print it.

    The plots are drawn last, so that an error in drawing loses nothing that was measured. The folder is made if there
    is none.

    printed_until: the first section that is saved but not printed, by how its heading begins; if empty, all is printed.
    """
    text = page.markdown()
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "report.md", text.encode())
    write_whole(folder / "results.json", numbers)
    print(text.split(f"\n{printed_until}")[0] if printed_until else text)
    for name, draw in plots.items():
        write_whole(folder / name, draw())
    print(f"saved {', '.join(['report.md', 'results.json', *plots])} in {printable(str(folder))}")


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
