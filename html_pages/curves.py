"""Draw curves that values can be read off."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from markupsafe import Markup

from html_pages.page import part


@dataclass(frozen=True)
class Line:
    """Hold a curve: points (x, y) with x rising; a y that is NaN is a gap."""

    label: str
    points: Sequence[tuple[float, float]]
    colour: int  # 0..7, in the order of the styles
    dashed: bool = False
    marks: bool = True  # at the points


@dataclass(frozen=True)
class Panel:
    """Hold the curves of one pair of axes."""

    x: str  # what the axis is
    y: str
    lines: Sequence[Line]
    log_x: bool = False
    steps: bool = False  # a histogram: x are whole numbers, each with a bar of its y
    log_y: bool = False


@dataclass(frozen=True)
class Plot:
    """Hold panels one below the other, which share their x axis and the cursor."""

    title: str
    panels: Sequence[Panel]


def curves_html(plots: Sequence[Plot]) -> Markup:
    """Return plots as a part of a page; empty if there is nothing to draw."""
    drawn = [plain for plot in plots if (plain := _plain(plot))["panels"]]
    return Markup() if not drawn else part("curves.html.jinja", plots=drawn)


def _plain(plot: Plot) -> dict[str, object]:
    """Return a plot for JSON, without lines and panels that hold nothing."""
    panels = []
    for panel in plot.panels:
        lines = [_line(line) for line in panel.lines if any(math.isfinite(y) for _, y in line.points)]
        panels += [asdict(panel) | {"lines": lines}] if lines else []
    return {"title": plot.title, "panels": panels}


def _line(line: Line) -> dict[str, object]:
    points = [(x, y if math.isfinite(y) else None) for x, y in line.points if math.isfinite(x)]
    return asdict(line) | {"points": [[x for x, _ in points], [y for _, y in points]]}
