"""Test how the page, the tables and the numbers of a report are written."""

import json
import math
import re
import warnings
from base64 import b64encode
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from experiments.reports.shared import figures
from experiments.reports.shared.figures import pyplot, to_png
from experiments.reports.shared.means import grouped
from experiments.reports.shared.page import Page, finish, results
from experiments.reports.shared.table import Bold, Cell, Column, Empty, MeanCell, Table, escaped
from html_pages.curves import Line, Panel, Plot


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
        "| b | 7 | (a) |",
        "| c | text | **+1.00** (2 of 3) |",
        "",
        "Empty cells: a: not defined.",
    ]


def test_every_empty_cell_has_its_reason() -> None:
    columns: list[str | Column] = ["clip", Column("gain", "+.2f", "no QP"), Column("BD-rate", "+.2f")]
    rows: list[list[Cell]] = [["a", math.nan, Empty("fewer than four QPs")], ["b", math.nan, MeanCell(math.nan, 0, 2)]]
    rows.append([Bold("all"), 1.0, Empty("fewer than four QPs")])
    assert Table(columns, 1, rows).markdown().splitlines()[2:] == [
        "| a | (a) | (b) |",
        "| b | (a) | (c) |",
        "| **all** | +1.00 | (b) |",
        "",
        "Empty cells: a: no QP, b: fewer than four QPs, c: not defined for any clip.",
    ]


NAME = "two\nlines | $5_vs_$6 <b>*a* `c` [x](y) _z_\x1b[31m\u202e &lt;"


def test_names_are_not_markup() -> None:
    """A renderer that is not ours shows what a table, a title and a list hold as it was, but for control characters."""
    pages = [Table([NAME, "b"], 1, [[NAME, Bold(NAME)]]).markdown(), Page(NAME, {NAME: NAME}, []).markdown()]
    seen = NAME.replace("\n", "\\n").replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
    for text in pages:
        html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", text)
        shown = [unescape(re.sub("<.*?>", "", line)) for line in html.splitlines() if "lines" in line]
        assert {part.removesuffix(f": {seen}") for part in shown} == {seen}
        assert set(re.findall(r"<(\w+)", html)) <= {
            *("table", "thead", "tbody", "tr", "th", "td", "strong"),
            "h1",
            "ul",
            "li",
        }
    assert escaped("BasketballDrive_1920x1080_50.yuv") == "BasketballDrive_1920x1080_50.yuv"  # as it is where it can be


def test_names_are_drawn_as_they_are() -> None:
    """Two dollars are no formula, and what no font has is written as its number, without a warning."""
    figure, axis = pyplot.subplots()
    axis.set_title("cost_$5_vs_$6_\u6f22\u5b57.png\x1b")
    axis.set_yscale("log")
    axis.plot([1, 100], label="\\frac$ $")
    axis.legend()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png = to_png(figure)
    assert png.startswith(b"\x89PNG")
    assert axis.get_title() == "cost_$5_vs_$6_" + "".join(map(drawn, "\u6f22\u5b57")) + ".png\\x1b"
    assert axis.yaxis.get_ticklabels()[1].get_parse_math()  # powers of ten stay powers


def drawn(character: str) -> str:
    """A character, or its number where this machine has no font with it."""
    return character if figures._has_shape(character) else character.encode("unicode_escape").decode()


def test_a_row_has_a_cell_for_each_column() -> None:
    with pytest.raises(ValueError, match="zip"):
        Table(["a", "b"], 1, [["x"]]).markdown()


def test_a_page_is_a_title_a_list_and_blocks() -> None:
    page = Page("Title", {"data": "two\nfiles", "codec": "x"}, ["Text.", "## More", Table(["a"], 1, [])])
    assert page.markdown() == "# Title\n\n- data: two\\\\nfiles\n- codec: x\n\nText.\n\n## More\n\n| a |\n|---|\n"


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
    finish(tmp_path / "out", page, b"{}", {"a.png": lambda: b"png"}, printed_until="## Long")
    printed = capsys.readouterr().out
    assert "Text." in printed
    assert "Not printed." not in printed
    assert printed.endswith(f"saved report.md, results.json, a.png, report.html in {tmp_path / 'out'}\n")
    saved = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    html = saved.pop("report.html").decode()
    assert saved == {"report.md": page.markdown().encode(), "results.json": b"{}", "a.png": b"png"}
    assert re.search(r"<h2>Long</h2>\s*<p>Not printed.</p>", html)
    assert f'src="data:image/png;base64,{b64encode(b"png").decode()}"' in html


def test_curves_stand_in_the_html_file_for_the_png_file_of_their_name() -> None:
    plot = Plot("a clip", [Panel("x", "y", [Line("a", [(1, 2.5), (2, math.nan), (math.nan, 3)], 0)])])
    page = Page("Title", {"caution": "*few* clips", "chroma caution": "old"}, ["## Table"], {"a.png": [plot]})
    html = page.html(b'{"notes": {"recipe": {"lr": 0.5}}}', {"a.png": b"png", "b.png": b"other"}).decode()
    assert '"points": [[1, 2], [2.5, null]]' in html
    assert f'base64,{b64encode(b"png").decode()}"' not in html
    assert f'base64,{b64encode(b"other").decode()}"' in html
    assert "<strong>Caution:</strong> *few* clips" in html
    assert "<strong>Chroma caution:</strong> old" in html
    assert "&#34;lr&#34;: 0.5" in html


def test_an_error_in_drawing_loses_nothing(tmp_path: Path) -> None:
    def draw() -> bytes:
        raise ValueError("a formula")

    with pytest.raises(ValueError, match="a formula"):
        finish(tmp_path, Page("Title", {}, []), b"{}", {"a.png": draw})
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        "report.md": Page("Title", {}, []).markdown().encode(),
        "results.json": b"{}",
    }


def test_groups_are_in_the_order_of_their_first_rows() -> None:
    rows = [Row("b", 1), Row("a", 2), Row("b", 3)]
    assert grouped(rows, "codec") == [(("b",), [rows[0], rows[2]]), (("a",), [rows[1]])]
    ((key, _),) = grouped([Row("b", 1)], "codec", "gain")
    assert [type(value) for value in key] == [str, int]  # not NumPy's
    assert grouped([], "codec") == []
