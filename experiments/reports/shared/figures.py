"""Make the plots of reports as PNG files, without a screen."""

from io import BytesIO

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot  # after the backend is chosen
from matplotlib.figure import Figure

__all__ = ["pyplot", "to_png"]


def to_png(figure: Figure) -> bytes:
    """Return a figure as a PNG file, and close it."""
    figure.tight_layout()
    png = BytesIO()
    figure.savefig(png, format="png", dpi=110)
    pyplot.close(figure)
    return png.getvalue()
