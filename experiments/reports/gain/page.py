"""Describe the page of report-gain: its tables."""

from collections.abc import Mapping, Sequence

from experiments.reports.gain.measure import Mean, Row, Summary
from experiments.reports.shared.frames import EXACT
from experiments.reports.shared.means import count_defined, grouped, mean_defined
from experiments.reports.shared.page import Page
from experiments.reports.shared.table import Bold, Cell, Column, MeanCell, Table, defined_or

LEFT_OUT = """\
Left out: frames in which a picture is the original at one of the QPs. Their PSNR is infinite, so they are in no mean at
any QP, and their bits are not counted. Broken: of those, the frames that are coded without error at this QP, but not
after the filter."""


def page(rows: Sequence[Row], clips: Sequence[Summary], means: Sequence[Mean], about: Mapping[str, str]) -> Page:
    """Return the report."""
    blocks: list[str | Table] = ["## Per clip and QP", per_qp(rows)]
    if any(row.lossless for row in rows):
        blocks.append(LEFT_OUT)
    blocks += ["## Per clip, over its QPs", per_clip(clips, means), "## Mean over clips, per QP", over_clips(rows)]
    return Page("PSNR-Y gain over the codec's own output", about, blocks)


def per_qp(rows: Sequence[Row]) -> Table:
    """Return PSNR-Y, gain and SSIM of each clip at each QP."""
    columns: list[str | Column] = ["clip", "codec", "QP", "frames"]
    columns += ["left out", "broken"] if any(r.lossless for r in rows) else []
    figures = {"baseline dB": ".3f", "filtered dB": ".3f", "gain dB": "+.3f", "SSIM baseline": ".4f"}
    columns += ["bits", *(Column(*figure, EXACT) for figure in (figures | {"SSIM filtered": ".4f"}).items())]
    cells: list[list[Cell]] = [
        [
            *(r.source, r.codec, r.qp, r.frames),
            *((r.lossless, r.broken) if "broken" in columns else ()),
            *(r.bits, r.psnr_baseline, r.psnr_filtered, r.gain, r.ssim_baseline, r.ssim_filtered),
        ]
        for r in rows
    ]
    return Table(columns, 2, cells)


def per_clip(clips: Sequence[Summary], means: Sequence[Mean]) -> Table:
    """Return the mean gain and the BD-rates of each clip, and their means over the clips of each codec."""
    columns: list[str | Column] = [
        *("clip", "codec", Column("mean gain dB", "+.3f", EXACT)),
        *(Column("BD-rate %", "+.2f"), Column("BD-rate % without in-loop filters", "+.2f")),
    ]
    cells: list[list[Cell]] = [
        [
            *(c.source, c.codec, c.gain),
            defined_or(c.bd_rate, c.bd_rate_reason),
            defined_or(c.bd_rate_unfiltered, c.bd_rate_unfiltered_reason),
        ]
        for c in clips
    ]
    for m in means:
        of_clips = [
            MeanCell(m.gain, m.defined["gain"], m.clips, bold=True),
            MeanCell(m.bd_rate, m.defined["bd_rate"], m.clips, bold=True),
            MeanCell(m.bd_rate_unfiltered, m.defined["bd_rate_unfiltered"], m.clips),
        ]
        cells.append([Bold(f"mean over clips ({m.clips})"), m.codec, *of_clips])
    return Table(columns, 2, cells)


def over_clips(rows: Sequence[Row]) -> Table:
    """Return the gain of each codec at each QP, mean over the clips."""
    cells: list[list[Cell]] = []
    for (codec, qp), points in sorted(grouped(rows, "codec", "qp"), key=lambda group: group[0]):
        gains = [point.gain for point in points]
        cells.append([codec, qp, len(gains), MeanCell(mean_defined(gains), count_defined(gains), len(gains))])
    return Table(["codec", "QP", "clips", Column("gain dB", "+.3f")], 1, cells)
