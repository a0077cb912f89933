"""Figures that are saved, without a screen."""

from io import BytesIO

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot  # after the backend is chosen
from matplotlib.figure import Figure

__all__ = ["pyplot", "to_png"]


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG file; closes it."""
    figure.tight_layout()
    png = BytesIO()
    figure.savefig(png, format="png", dpi=110)
    pyplot.close(figure)
    return png.getvalue()
