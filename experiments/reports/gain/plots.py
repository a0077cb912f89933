"""Plot what a filter gains as rate-distortion curves."""

from collections.abc import Sequence

from experiments.reports.gain.measure import Row
from experiments.reports.shared.figures import pyplot, to_png


def plot_curves(rows: Sequence[Row]) -> bytes:
    """Plot rate-distortion curves as PNG, one panel a clip: baseline, filtered, without in-loop filters, refitted."""
    clips = sorted({(r.source, r.codec) for r in rows})
    columns = min(4, len(clips))
    panel_rows = -(-len(clips) // columns)
    figure, axes = pyplot.subplots(panel_rows, columns, figsize=(4 * columns, 3.2 * panel_rows), squeeze=False)
    for axis in axes.flat[len(clips) :]:
        axis.set_visible(False)
    for axis, (source, codec) in zip(axes.flat, clips, strict=False):
        points = [r for r in rows if (r.source, r.codec) == (source, codec) and r.frames]
        points.sort(key=lambda r: r.bits)
        rate = [p.bits / p.frames / 1000 for p in points]
        axis.plot(rate, [p.psnr_filtered for p in points], "o-", label="filtered", color="tab:red")
        if all(p.bits_refitted for p in points):
            of_refitted = [(p.bits_refitted or 0) / p.frames / 1000 for p in points]
            axis.plot(of_refitted, [p.psnr_refitted for p in points], "^-", label="refitted", color="tab:green")
        axis.plot(rate, [p.psnr_baseline for p in points], "s-", label="baseline", color="tab:blue")
        known = [p for p in points if p.bits_unfiltered]
        rate = [(p.bits_unfiltered or 0) / p.frames / 1000 for p in known]
        axis.plot(rate, [p.psnr_unfiltered for p in known], "--", label="no in-loop filters", color="0.6")
        axis.set_title(f"{source if len(source) < 36 else source[:33] + '...'}, {codec}", fontsize=9)
        axis.set_xlabel("kbit per frame")
        axis.set_ylabel("PSNR-Y (dB)")
        axis.grid(alpha=0.3)
    axes.flat[0].legend(fontsize=8)
    return to_png(figure)
