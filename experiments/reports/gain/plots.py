"""Plot what a filter gains as rate-distortion curves: as PNG, and for the HTML file."""

import math
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from statistics import fmean

from experiments.reports.gain.compare import Chosen, Mean, Measured
from experiments.reports.gain.measure import Row
from experiments.reports.shared.curves import Curve, rate_distortion
from experiments.reports.shared.figures import pyplot, to_png
from experiments.reports.shared.means import grouped
from html_pages.curves import Plot


def plot_curves(rows: Sequence[Row]) -> bytes:
    """Plot rate-distortion curves as PNG, one panel a clip: baseline, filtered, without in-loop filters, signalled."""
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
        if all(p.bits_signalled for p in points):
            with_signal = [(p.bits_signalled or 0) / p.frames / 1000 for p in points]
            axis.plot(with_signal, [p.psnr_signalled for p in points], "^-", label="signalled", color="tab:green")
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


def known_work(chosen: Sequence[Chosen], means: Sequence[Mean]) -> list[tuple[Mean, list[float]]]:
    """Return the means that have a BD-rate, each with the kMAC/px of its filter, one for each network that it has."""
    work = {one.filter: [kmac for kmac in one.kmac if kmac] for one in chosen if None not in one.kmac}
    return [(mean, work[mean.filter]) for mean in means if work.get(mean.filter) and not math.isnan(mean.bd_rate)]


def plot_work(known: Sequence[tuple[Mean, list[float]]]) -> bytes:
    """Plot the mean BD-rate with its interval over the kMAC/px as PNG, a colour for each codec.

    A filter of one network for each QP is drawn over the range of their work.
    """
    figure, axis = pyplot.subplots(figsize=(6, 4))
    codecs = list(dict.fromkeys(mean.codec for mean, _ in known))
    for mean, kmac in known:
        middle, number = fmean(kmac), codecs.index(mean.codec)
        axis.errorbar(
            middle, mean.bd_rate, mean.bd_rate_half or 0, [[middle - min(kmac)], [max(kmac) - middle]],
            "osD^v"[number % 5], color=f"C{number}", capsize=3,
        )  # fmt: skip
        name = PurePath(mean.filter).name + (f", {mean.codec}" if len(codecs) > 1 else "")
        axis.annotate(name, (middle, mean.bd_rate), (5, 5), textcoords="offset points", fontsize=8)
    axis.set(xscale="log", xlabel="kMAC per luma sample", ylabel="BD-rate, %")
    for which in (axis.xaxis.set_major_formatter, axis.xaxis.set_minor_formatter):
        which("{x:g}")
    axis.grid(alpha=0.3, which="both")
    return to_png(figure)


def curves(rows: Sequence[Row]) -> list[Plot]:
    """Return a plot for each clip: baseline, filtered, signalled, without in-loop filters, and what each is better."""
    plots = []
    for (source, codec), points in grouped([row for row in rows if row.frames], "source", "codec"):
        found = [_curve("baseline", points, "psnr_baseline", 0), _curve("filtered", points, "psnr_filtered", 1)]
        if all(point.bits_signalled for point in points):
            found.append(_curve("signalled", points, "psnr_signalled", 2, "bits_signalled"))
        unfiltered = [point for point in points if point.bits_unfiltered]
        found.append(_curve("no in-loop filters", unfiltered, "psnr_unfiltered", 7, "bits_unfiltered", dashed=True))
        plots.append(rate_distortion(f"{source}, {codec}", found))
    return plots


def compared_curves(filters: Mapping[str, Measured]) -> list[Plot]:
    """Return a plot for each clip: the baseline and each filter."""
    of_clips = [dict(grouped([r for r in m.rows if r.frames], "source", "codec")) for m in filters.values()]
    plots = []
    for (source, codec), points in of_clips[0].items():
        found = [_curve("baseline", points, "psnr_baseline", 0)]
        for number, (name, of_clip) in enumerate(zip(filters, of_clips, strict=True)):
            found.append(_curve(name, of_clip[source, codec], "psnr_filtered", 1 + number % 6))
        plots.append(rate_distortion(f"{source}, {codec}", found))
    return plots


def _curve(
    label: str, points: Sequence[Row], psnr: str, colour: int, bits: str = "bits", dashed: bool = False
) -> Curve:
    found = [(getattr(point, bits) / point.frames / 1000, getattr(point, psnr)) for point in points]
    return Curve(label, found, colour, dashed)
