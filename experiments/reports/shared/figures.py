"""Make the plots of reports as PNG files, without a screen."""

from functools import cache
from io import BytesIO

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import font_manager, pyplot  # after the backend is chosen
from matplotlib.axis import Tick
from matplotlib.figure import Figure
from matplotlib.text import Text

from command_line.terminal import printable

__all__ = ["pyplot", "to_png"]

_ASIAN = ("Noto Sans CJK JP", "Noto Sans CJK SC", "Source Han Sans", "WenQuanYi Zen Hei", "IPAGothic")  # if installed
_FONTS = ["DejaVu Sans", *(name for name in _ASIAN if name in font_manager.get_font_names())]
mpl.rcParams["font.family"] = _FONTS


def to_png(figure: Figure) -> bytes:
    r"""Return a figure as a PNG file, and close it.

    Texts are shown as they are: nothing in a name is taken for mathematics, and characters that no font has are written
    as \u6f22.
    """
    numbers = {label for tick in figure.findobj(Tick) for label in (tick.label1, tick.label2)}  # may be powers
    for text in figure.findobj(Text):
        if text not in numbers:
            text.set_parse_math(False)
            text.set_text("\n".join(map(_drawable, text.get_text().split("\n"))))
    figure.tight_layout()
    png = BytesIO()
    figure.savefig(png, format="png", dpi=110)
    pyplot.close(figure)
    return png.getvalue()


def _drawable(text: str) -> str:
    return "".join(c if _has_shape(c) else c.encode("unicode_escape").decode() for c in printable(text))


@cache
def _has_shape(character: str) -> bool:
    fonts = (font_manager.get_font(font_manager.findfont(name)) for name in _FONTS)
    return any(font.get_char_index(ord(character)) for font in fonts)
