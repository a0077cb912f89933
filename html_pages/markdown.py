"""Turn the Markdown of reports into HTML, in which tables scroll in themselves."""

from collections.abc import Iterator, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup

from html_pages.page import Section

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


def _table_open(*_: Any) -> str:  # noqa: ANN401
    return '<div class="table"><div class="scroll" tabindex="0"><table>\n'


def _table_close(*_: Any) -> str:  # noqa: ANN401
    return "</table></div></div>\n"


_MARKDOWN.add_render_rule("table_open", _table_open)
_MARKDOWN.add_render_rule("table_close", _table_close)


def to_html(blocks: Sequence[str]) -> Markup:
    """Return blocks of Markdown as HTML; HTML in them is shown as it is written."""
    return Markup(_MARKDOWN.render("\n\n".join(blocks)))


def sections_of(blocks: Sequence[str]) -> Iterator[Section]:
    """Yield a section for each heading, a block such as "## Points", with the blocks below it."""
    heading, here = "", list[str]()
    for block in [*blocks, "## "]:
        if not block.startswith("## "):
            here.append(block)
            continue
        if here:
            yield Section(heading, to_html(here))
        heading, here = block.removeprefix("## "), []
