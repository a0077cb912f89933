"""Compare pictures in a page: flicker, slider, side by side, errors, and the gain of each CTU."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from markupsafe import Markup

from html_pages.page import part


@dataclass(frozen=True)
class View:
    """Hold a picture, or a part of it, in each layer."""

    name: str
    x: int  # of its upper left sample in the picture
    y: int
    width: int
    height: int
    ctu: int | None  # the CTU that it shows; None: it is the whole picture
    pictures: list[str]  # of the layers, as `plane_uri` gives them


@dataclass(frozen=True)
class Compared:
    """Hold a frame in several layers: the first is the original, the second what gains are over at first."""

    name: str
    width: int
    height: int
    ctu_size: int
    bit_depth: int
    layers: list[str]
    errors: list[list[int]]  # the squared error of each CTU, in raster order, of each layer
    views: list[View]


def comparison_html(clips: Sequence[Compared], note: str) -> Markup:
    """Return frames to compare as a part of a page; note: which ones they are."""
    return part("comparison.html.jinja", data={"clips": [asdict(clip) for clip in clips]}, note=note)
