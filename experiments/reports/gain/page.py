"""Describe the page of report-gain: its tables."""

from collections.abc import Iterable, Mapping, Sequence

from experiments.reports.gain.chroma import ChromaTables
from experiments.reports.gain.chroma_page import chroma_blocks
from experiments.reports.gain.measure import Mean, Row, Summary
from experiments.reports.gain.plots import curves
from experiments.reports.shared.frames import EXACT
from experiments.reports.shared.means import count_defined, grouped, mean_defined
from experiments.reports.shared.page import Page
from experiments.reports.shared.table import Bold, Cell, Column, MeanCell, Table, defined_or

LEFT_OUT = """\
Left out: frames in which a picture is the original at one of the QPs. Their PSNR is infinite, so they are in no mean at
any QP, and their bits are not counted. Broken: of those, the frames that are coded without error at this QP, but not
after the filter."""


def page(
    rows: Sequence[Row],
    clips: Sequence[Summary],
    means: Sequence[Mean],
    about: Mapping[str, str],
    chroma: ChromaTables | None = None,
) -> Page:
    """Return the report."""
    blocks: list[str | Table] = ["## Per clip and QP", per_qp(rows)]
    if any(row.lossless for row in rows):
        blocks.append(LEFT_OUT)
    blocks += ["## Per clip, over its QPs", per_clip(clips, means), "## Mean over clips, per QP", over_clips(rows)]
    blocks += chroma_blocks(chroma) if chroma else []
    return Page("PSNR-Y gain over the codec's own output", about, blocks, {"rd.png": curves(rows)})


def per_qp(rows: Sequence[Row]) -> Table:
    """Return PSNR-Y, gain and SSIM of each clip at each QP."""
    columns: list[str | Column] = ["clip", "codec", "QP", "frames"]
    columns += ["left out", "broken"] if any(r.lossless for r in rows) else []
    figures = {"baseline dB": ".3f", "filtered dB": ".3f", "gain dB": "+.3f", "SSIM baseline": ".4f"}
    columns += ["bits", *(Column(*figure, EXACT) for figure in (figures | {"SSIM filtered": ".4f"}).items())]
    signalled = any(row.gain_signalled is not None for row in rows)
    columns += [Column("signalled gain dB", "+.3f", EXACT), "bits with what is signalled for luma"] if signalled else []
    cells: list[list[Cell]] = [
        [
            *(r.source, r.codec, r.qp, r.frames),
            *((r.lossless, r.broken) if "broken" in columns else ()),
            *(r.bits, r.psnr_baseline, r.psnr_filtered, r.gain, r.ssim_baseline, r.ssim_filtered),
            *(each for each in (r.gain_signalled, r.bits_signalled) if each is not None),
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
    if any(clip.gain_signalled is not None for clip in clips):
        columns += [Column("signalled gain dB", "+.3f", EXACT), Column("signalled BD-rate %", "+.2f")]
    cells: list[list[Cell]] = [
        [
            *(c.source, c.codec, c.gain),
            defined_or(c.bd_rate, c.bd_rate_reason),
            defined_or(c.bd_rate_unfiltered, c.bd_rate_unfiltered_reason),
            *(() if c.gain_signalled is None else (c.gain_signalled,)),
            *(() if c.bd_rate_signalled is None else (defined_or(c.bd_rate_signalled, c.bd_rate_signalled_reason),)),
        ]
        for c in clips
    ]
    for m in means:
        of_clips = [
            MeanCell(m.gain, m.defined["gain"], m.clips, bold=True),
            MeanCell(m.bd_rate, m.defined["bd_rate"], m.clips, bold=True),
            MeanCell(m.bd_rate_unfiltered, m.defined["bd_rate_unfiltered"], m.clips),
        ]
        for name in ("gain_signalled", "bd_rate_signalled"):
            value = getattr(m, name)
            of_clips += [] if value is None else [MeanCell(value, m.defined[name], m.clips, bold=True)]
        cells.append([Bold(f"mean over clips ({m.clips})"), m.codec, *of_clips])
    return Table(columns, 2, cells)


def over_clips(rows: Sequence[Row]) -> Table:
    """Return the gain of each codec at each QP, mean over the clips, and the bits signalled for the luma of a frame."""
    columns: list[str | Column] = ["codec", "QP", "clips", Column("gain dB", "+.3f")]
    signalled = any(row.gain_signalled is not None for row in rows)
    if signalled:
        columns += [Column("signalled gain dB", "+.3f"), Column("bits signalled for luma per frame", ".1f")]
    cells: list[list[Cell]] = []
    for (codec, qp), points in sorted(grouped(rows, "codec", "qp"), key=lambda group: group[0]):
        means: list[Cell] = [_mean(point.gain for point in points)]
        if signalled:
            means.append(_mean(p.gain_signalled for p in points if p.gain_signalled is not None))
            bits = ((p.bits_signalled - p.bits) / p.frames for p in points if p.bits_signalled is not None and p.frames)
            means.append(mean_defined(bits))
        cells.append([codec, qp, len(points), *means])
    return Table(columns, 1, cells)


def _mean(values: Iterable[float]) -> MeanCell:
    each = [*values]
    return MeanCell(mean_defined(each), count_defined(each), len(each))
