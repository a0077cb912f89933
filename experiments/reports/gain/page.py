"""Report what a filter gains: tables, and curves as PNG."""

from collections.abc import Mapping, Sequence

from experiments.reports.gain.measure import Mean, Row, Summary
from experiments.reports.shared.figures import pyplot, to_png
from experiments.reports.shared.means import cell, count_defined, grouped, mean_cell, mean_defined
from experiments.reports.shared.page import Page, Table


def page(rows: Sequence[Row], clips: Sequence[Summary], means: Sequence[Mean], about: Mapping[str, str]) -> Page:
    """Return the report."""
    per_qp = Table(
        ["clip", "codec", "QP", "frames", "bits", "baseline dB", "filtered dB", "gain dB", "SSIM baseline",
         "SSIM filtered"],
        2,
        [
            [r.source, r.codec, str(r.qp), str(r.frames), str(r.bits), cell(r.psnr_baseline, ".3f"),
             cell(r.psnr_filtered, ".3f"), cell(r.gain, "+.3f"), cell(r.ssim_baseline, ".4f"),
             cell(r.ssim_filtered, ".4f")]
            for r in rows
        ],
    )  # fmt: skip
    of_clips = [
        [c.source, c.codec, cell(c.gain, "+.3f"), cell(c.bd_rate, "+.2f"), cell(c.bd_rate_unfiltered, "+.2f")]
        for c in clips
    ]
    of_means = [
        [
            f"**mean over clips ({m.clips})**",
            m.codec,
            mean_cell(m.gain, "+.3f", m.defined["gain"], m.clips, bold=True),
            mean_cell(m.bd_rate, "+.2f", m.defined["bd_rate"], m.clips, bold=True),
            mean_cell(m.bd_rate_unfiltered, "+.2f", m.defined["bd_rate_unfiltered"], m.clips),
        ]
        for m in means
    ]
    heads = ["clip", "codec", "mean gain dB", "BD-rate %", "BD-rate % without in-loop filters"]
    at_qps = []
    for (codec, qp), points in sorted(grouped(rows, "codec", "qp"), key=lambda group: group[0]):
        gains = [point.gain for point in points]
        gain = mean_cell(mean_defined(gains), "+.3f", count_defined(gains), len(gains))
        at_qps.append([codec, str(qp), str(len(gains)), gain])
    blocks: list[str | Table] = ["## Per clip and QP", per_qp]
    blocks += ["## Per clip, over its QPs", Table(heads, 2, of_clips + of_means)]
    blocks += ["## Mean over clips, per QP", Table(["codec", "QP", "clips", "gain dB"], 1, at_qps)]
    return Page("PSNR-Y gain over the codec's own output", about, blocks)


def plot(rows: Sequence[Row]) -> bytes:
    """Plot rate-distortion curves as PNG, one panel a clip: baseline, filtered, and without in-loop filters."""
    clips = sorted({(r.source, r.codec) for r in rows})
    columns = min(4, len(clips))
    lines = -(-len(clips) // columns)
    figure, axes = pyplot.subplots(lines, columns, figsize=(4 * columns, 3.2 * lines), squeeze=False)
    for axis in axes.flat[len(clips) :]:
        axis.set_visible(False)
    for axis, (source, codec) in zip(axes.flat, clips, strict=False):
        points = sorted((r for r in rows if (r.source, r.codec) == (source, codec)), key=lambda r: r.bits)
        rate = [p.bits / p.frames / 1000 for p in points]
        axis.plot(rate, [p.psnr_filtered for p in points], "o-", label="filtered", color="tab:red")
        axis.plot(rate, [p.psnr_baseline for p in points], "s-", label="baseline", color="tab:blue")
        axis.plot(rate, [p.psnr_unfiltered for p in points], "--", label="no in-loop filters", color="0.6")
        axis.set_title(f"{source if len(source) < 36 else source[:33] + '...'}, {codec}", fontsize=9)
        axis.set_xlabel("kbit per frame")
        axis.set_ylabel("PSNR-Y (dB)")
        axis.grid(alpha=0.3)
    axes.flat[0].legend(fontsize=8)
    return to_png(figure)
