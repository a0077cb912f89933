"""Test how the page, the tables and the numbers of a report are written."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import pytest

from experiments.reports.shared.means import grouped
from experiments.reports.shared.page import Cell, Column, MeanCell, Page, Table, finish, results


@dataclass(frozen=True)
class Row:
    codec: str
    gain: float


def test_numbers_are_written_in_the_format_of_their_column() -> None:
    columns: list[str | Column] = ["clip", Column("bits", ","), Column("gain", "+.2f")]
    rows: list[list[Cell]] = [["a", 12345, 0.126], ["b", 7, math.nan], ["c", "text", MeanCell(1, 2, 3, bold=True)]]
    assert Table(columns, 1, rows).markdown().splitlines() == [
        "| clip | bits | gain |",
        "|---|---:|---:|",
        "| a | 12,345 | +0.13 |",
        "| b | 7 |  |",
        "| c | text | **+1.00** (2 of 3) |",
    ]


def test_names_do_not_break_a_table() -> None:
    assert Table(["a|b"], 1, [["two\nlines | c"]]).markdown() == "| a\\|b |\n|---|\n| two lines \\| c |"


def test_a_row_has_a_cell_for_each_column() -> None:
    with pytest.raises(ValueError, match="zip"):
        Table(["a", "b"], 1, [["x"]]).markdown()


def test_a_page_is_a_title_a_list_and_blocks() -> None:
    page = Page("Title", {"data": "two\nfiles", "codec": "x"}, ["Text.", "## More", Table(["a"], 1, [])])
    assert page.markdown() == "# Title\n\n- data: two files\n- codec: x\n\nText.\n\n## More\n\n| a |\n|---|\n"


def test_rows_may_be_dataclasses_and_what_is_not_finite_is_null() -> None:
    rows = [Row("a", math.nan), {"by_qp": {22: math.inf}, "values": (1.5, -math.inf)}]
    content = json.loads(results("gain", {}, {"rows": rows}, notes={}))
    assert content["notes"] == {}
    assert content["tables"]["rows"] == [
        {"codec": "a", "gain": None},
        {"by_qp": {"22": None}, "values": [1.5, None]},
    ]


def test_a_report_is_printed_and_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = Page("Title", {}, ["Text.", "## Long", "Not printed."])
    finish(tmp_path / "out", page, b"{}", {"a.png": b"png"}, printed_until="## Long")
    printed = capsys.readouterr().out
    assert "Text." in printed
    assert "Not printed." not in printed
    assert printed.endswith(f"saved report.md, results.json, a.png in {tmp_path / 'out'}\n")
    saved = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    assert saved == {"report.md": page.markdown().encode(), "results.json": b"{}", "a.png": b"png"}


def test_groups_are_in_the_order_of_their_first_rows() -> None:
    rows = [Row("b", 1), Row("a", 2), Row("b", 3)]
    assert grouped(rows, "codec") == [(("b",), [rows[0], rows[2]]), (("a",), [rows[1]])]
    ((key, _),) = grouped([Row("b", 1)], "codec", "gain")
    assert [type(value) for value in key] == [str, int]  # not NumPy's
    assert grouped([], "codec") == []
