"""Make HTML pages that are one file each: styles, scripts, plots and pictures are inside, and nothing is loaded.

`static` holds the styles and scripts of all pages, and uPlot (MIT licence), which draws the plots. `templates` holds
the page and its parts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from command_line.terminal import printable

SCRIPTS = (
    "page.js",
    "tables.js",
    "curves.js",
    "samples.js",
    "comparison.js",
    "dataset.js",
)  # one module, in this order
TEMPLATES = Environment(loader=PackageLoader("html_pages"), autoescape=True, undefined=StrictUndefined)
TEMPLATES.filters["printable"] = printable
TEMPLATES.policies["json.dumps_kwargs"] = {}  # keys in the order in which they are


@dataclass(frozen=True)
class Section:
    """Hold a part of a page: its heading, "" for none, and what stands below it."""

    heading: str
    html: Markup


def render(title: str, sections: Sequence[Section], markdown: str = "") -> bytes:
    """Return a page as a file.

    markdown: the same in Markdown, which a button copies; "" for no button.
    """
    page = TEMPLATES.get_template("page.html.jinja").render(
        title=title,
        sections=sections,
        markdown=markdown,
        styles=[_static("uplot/uPlot.min.css"), _static("style.css")],
        plots=_static("uplot/uPlot.iife.min.js"),
        script=Markup("\n").join(map(_static, SCRIPTS)),
    )
    return page.encode()


def part(template: str, **values: object) -> Markup:
    """Return a part of a page, by its template."""
    return Markup(TEMPLATES.get_template(template).render(**values))


@cache
def _static(name: str) -> Markup:
    return Markup((files("html_pages") / "static" / name).read_text("utf-8"))
