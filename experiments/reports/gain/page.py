"""The report of what a filter gains: its tables as Markdown, its curves as PNG."""

from collections.abc import Sequence

from experiments.reports.gain.measure import Mean, Row, Summary
from experiments.reports.shared.cells import cell, count_defined, mean_cell, mean_defined
from experiments.reports.shared.figures import pyplot, to_png


def markdown(rows: Sequence[Row], summaries: Sequence[Summary], means: Sequence[Mean], about: dict[str, str]) -> str:
    """The report as Markdown."""
    lines = ["# PSNR-Y gain over the codec's own output", ""]
    lines += [f"- {name}: {value}" for name, value in about.items()]
    lines += ["", "## Per clip and QP", ""]
    lines += [
        "| clip | codec | QP | frames | bits | baseline dB | filtered dB | gain dB | SSIM baseline | SSIM filtered |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {r.source} | {r.codec} | {r.qp} | {r.frames} | {r.bits} | {cell(r.psnr_baseline, '.3f')} "
        f"| {cell(r.psnr_filtered, '.3f')} | {cell(r.gain, '+.3f')} | {cell(r.ssim_baseline, '.4f')} "
        f"| {cell(r.ssim_filtered, '.4f')} |"
        for r in rows
    ]
    lines += ["", "## Per clip, over its QPs", ""]
    lines += [
        "| clip | codec | mean gain dB | BD-rate % | BD-rate % without in-loop filters |",
        "|---|---|---:|---:|---:|",
    ]
    lines += [
        f"| {s.source} | {s.codec} | {cell(s.gain, '+.3f')} | {cell(s.bd_rate, '+.2f')} "
        f"| {cell(s.bd_rate_unfiltered, '+.2f')} |"
        for s in summaries
    ]
    lines += [
        f"| **mean over clips ({m.clips})** | {m.codec} "
        f"| {mean_cell(m.gain, '+.3f', m.defined['gain'], m.clips, bold=True)} "
        f"| {mean_cell(m.bd_rate, '+.2f', m.defined['bd_rate'], m.clips, bold=True)} "
        f"| {mean_cell(m.bd_rate_unfiltered, '+.2f', m.defined['bd_rate_unfiltered'], m.clips)} |"
        for m in means
    ]
    lines += ["", "## Mean over clips, per QP", "", "| codec | QP | clips | gain dB |", "|---|---:|---:|---:|"]
    for codec, qp in sorted({(r.codec, r.qp) for r in rows}):
        gains = [r.gain for r in rows if (r.codec, r.qp) == (codec, qp)]
        gain = mean_cell(mean_defined(gains), "+.3f", count_defined(gains), len(gains))
        lines.append(f"| {codec} | {qp} | {len(gains)} | {gain} |")
    return "\n".join(lines) + "\n"


def plot(rows: Sequence[Row]) -> bytes:
    """Rate-distortion curves as PNG, one panel a clip: baseline, filtered, and without in-loop filters."""
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
