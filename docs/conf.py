"""Say how `make docs` builds the pages."""

import re
from importlib.metadata import version as version_of
from typing import Any

project = "codecnn"
version = version_of("codecnn")
extensions = ["myst_nb", "sphinx_external_toc", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

# The documents stay where a reader of the repository finds them, so the source folder is that of the repository.
include_patterns = ["*.md", "docs/**", "codecnn/models/pretrained/*.md"]
exclude_patterns = [".*", "build", "demo", "tests"]
external_toc_path = "docs/_toc.yml"
myst_heading_anchors = 4  # headings have the anchors that GitHub gives them
suppress_warnings = ["myst.header"]  # levels may be left out
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # seconds of a cell; numba compiles at the first run

default_role = "code"  # docstrings have `names` as Markdown has them
autodoc_typehints_format = "short"
autodoc_use_type_comments = False
toc_object_entries = False

html_theme = "furo"
html_title = "codecnn"
html_show_sourcelink = False


def as_plain_text(*event: Any) -> None:  # noqa: ANN401
    """Take signs such as those of |x| as they are: they are markup in reStructuredText, and not in our docstrings."""
    lines: list[str] = event[-1]
    lines[:] = [re.sub(r"[|*]|_(?=\W|$)", r"\\\g<0>", line) for line in lines if "Alias for field" not in line]


def with_short_types(*event: Any) -> tuple[str | None, ...]:  # noqa: ANN401
    """Write ndarray for an array of any shape and type in a signature, which is (arguments, result)."""
    array = re.compile(r"ndarray\[~?(typing\.)?tuple\[~?typing\.Any, \.\.\.\], ~?numpy\.dtype\[[^]]*\]\]")
    return tuple(text and array.sub("ndarray", text) for text in event[-2:])


def setup(app: Any) -> None:  # noqa: ANN401
    """Connect what is done to every docstring and signature."""
    app.connect("autodoc-process-docstring", as_plain_text)
    app.connect("autodoc-process-signature", with_short_types)
