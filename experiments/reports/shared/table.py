"""Write tables as Markdown."""

import math
import re
from collections.abc import Sequence
from string import ascii_lowercase
from typing import NamedTuple

from command_line.terminal import printable

_MARKUP = re.compile(r"[\\|<`*\[$~&]|(?<![^\W_])_|_(?![^\W_])")  # within a word _ means nothing


def escaped(text: str) -> str:
    """Return a text, such as a name, in which nothing is Markdown or HTML."""
    return _MARKUP.sub(r"\\\g<0>", printable(text))


class Column(NamedTuple):
    """Describe a column of a table: its heading, and the format of its numbers, such as "+.2f"."""

    heading: str
    form: str = ""
    undefined: str = "not defined"  # the reason of a cell that is NaN


class MeanCell(NamedTuple):
    """Hold a cell with the mean of the clips, or CTUs, in which a figure is defined, and the number of all of them."""

    value: float
    defined: int
    clips: int
    bold: bool = False
    form: str = ""  # if not that of the column


class Bold(NamedTuple):
    """Hold a text that is set in bold."""

    text: str


class Empty(NamedTuple):
    """Hold an empty cell with its reason."""

    reason: str


Cell = str | float | MeanCell | Bold | Empty


def defined_or(value: float, reason: str) -> float | Empty:
    """Return the cell of a value that is not defined where a reason is given."""
    return Empty(reason) if reason else value


class Table(NamedTuple):
    """Hold a table; a column of texts may be given by its heading.

    The first `texts` columns are aligned to the left, all others to the right. Numbers and means are written in the
    format of their column. A cell that is NaN or Empty has a letter in its place, and the reason stands below.
    """

    columns: Sequence[str | Column]
    texts: int
    rows: Sequence[Sequence[Cell]]

    def markdown(self) -> str:
        """Return the table as Markdown."""
        columns = [Column(column) if isinstance(column, str) else column for column in self.columns]
        reasons: dict[str, str] = {}  # the letters of the reasons
        rows = [[_written(c, column, reasons) for c, column in zip(row, columns, strict=True)] for row in self.rows]
        head, *lines = [f"| {' | '.join(row)} |" for row in ([escaped(column.heading) for column in columns], *rows)]
        rule = "".join("|---" if place < self.texts else "|---:" for place in range(len(columns)))
        text = "\n".join([head, f"{rule}|", *lines])
        notes = ", ".join(f"{letter}: {escaped(reason)}" for reason, letter in reasons.items())
        return f"{text}\n\nEmpty cells: {notes}." if notes else text


def _written(cell: Cell, column: Column, reasons: dict[str, str]) -> str:
    match cell:
        case str():
            return escaped(cell)
        case Bold():
            return f"**{escaped(cell.text)}**"
        case Empty():
            return _letter(cell.reason, reasons)
        case MeanCell():
            if math.isnan(cell.value):
                return _letter("not defined for any clip", reasons)
            text = f"{cell.value:{cell.form or column.form}}"
            part = f" ({cell.defined} of {cell.clips})" * (cell.defined < cell.clips)
            return (f"**{text}**" if cell.bold else text) + part
        case _:
            return _letter(column.undefined, reasons) if math.isnan(cell) else f"{cell:{column.form}}"


def _letter(reason: str, reasons: dict[str, str]) -> str:
    """Return the letter of a reason in parentheses, a new one for a reason that is new."""
    return f"({reasons.setdefault(reason, ascii_lowercase[len(reasons) % 26])})"
