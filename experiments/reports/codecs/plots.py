"""Plot the rate-distortion curves of codecs: as PNG, and for the HTML file."""

from matplotlib import ticker

from experiments.reports.codecs.measure import Curves
from experiments.reports.shared.curves import Curve, rate_distortion
from experiments.reports.shared.figures import pyplot, to_png
from html_pages.curves import Plot


def plot_curves(curves: Curves) -> bytes:
    """Plot rate-distortion curves as PNG, one panel a clip."""
    codecs = sorted({codec for by_codec in curves.values() for codec in by_codec})
    columns = min(3, len(curves))
    panel_rows = -(-len(curves) // columns)
    figure, axes = pyplot.subplots(panel_rows, columns, figsize=(5 * columns, 3.8 * panel_rows), squeeze=False)
    for axis in axes.flat[len(curves) :]:
        axis.set_visible(False)
    for axis, (source, by_codec) in zip(axes.flat, sorted(curves.items()), strict=False):
        for number, codec in enumerate(codecs):
            points = by_codec.get(codec, [])
            line = [p.kbit_per_frame for p in points], [p.psnr_y for p in points]
            axis.plot(*line, "osD^vPX"[number % 7] + "-", markersize=4, label=codec, color=f"C{number % 10}")
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
        axis.xaxis.set_minor_formatter(ticker.NullFormatter())
        axis.set_title(source if len(source) < 46 else source[:43] + "...", fontsize=9)
        axis.set_xlabel("kbit per frame")
        axis.set_ylabel("PSNR-Y (dB)")
        axis.grid(alpha=0.3, which="both")
    axes.flat[0].legend(fontsize=9)
    return to_png(figure)


def curves_of_codecs(curves: Curves, anchor: str) -> list[Plot]:
    """Return a plot for each clip that the anchor has coded, with the differences to the anchor."""
    codecs = sorted({codec for by_codec in curves.values() for codec in by_codec}, key=lambda c: (c != anchor, c))
    plots = []
    for source, by_codec in sorted(curves.items()):
        found = [
            Curve(codec, [(p.kbit_per_frame, p.psnr_y) for p in by_codec[codec]], number % 8)
            for number, codec in enumerate(codecs)
            if codec in by_codec
        ]
        if anchor in by_codec:
            plots.append(rate_distortion(source, found, log=True))
    return plots
