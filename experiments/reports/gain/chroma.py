"""Measure what a chroma filter gains beside a filter of luma: PSNR-U, PSNR-V and PSNR-YUV, and their BD-rates."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import SIGNALS
from codecnn.errors import InputError
from codecnn.inference.chroma import filter_chroma
from codecnn.inference.filtering import Conditions, Way
from codecnn.inference.guided.chroma import guide_chroma
from codecnn.inference.guided.guide import Guided
from codecnn.inference.load import LoadedChroma
from codecnn.metrics import psnr, psnr_yuv
from codecnn.models.chroma_rdn import CHROMA, ChromaRdn
from codecnn.models.costs import kmac_per_sample, parameter_count
from codecnn.tasks.block_sites import lagrangian_of
from codecnn.video.picture import Plane
from experiments.reports.gain.guiding import guided_in_words
from experiments.reports.gain.measure import FrameFigures, average, average_frames, exact_frames, summarise
from experiments.reports.gain.points import Meter
from experiments.reports.shared.cautions import cautions

MEASURES = ("U", "V", "YUV")


@dataclass(frozen=True)
class ChromaRow:
    """Hold one clip at one QP under one measure: means over its frames, NaN where no frame is left."""

    measure: str  # U, V or YUV
    source: str
    codec: str
    qp: int
    frames: int  # in the means
    lossless: int  # left out at all QPs, with their bits: at one of the QPs a plane is that of the original
    bits: int  # of the frames in the means
    psnr_baseline: float
    psnr_filtered: float
    gain: float
    psnr_signalled: float | None = None  # with what the encoder signals; None if it is not measured, here and below
    gain_signalled: float | None = None
    bits_signalled: int | None = None  # bits, and those of what is signalled for this measure


@dataclass(frozen=True)
class ChromaClip:
    """Hold one clip of one codec over its QPs under one measure; the BD-rate is NaN with a reason."""

    measure: str
    source: str
    codec: str
    gain: float
    bd_rate: float
    bd_rate_reason: str
    gain_signalled: float | None = None
    bd_rate_signalled: float | None = None  # with the bits of what is signalled
    bd_rate_signalled_reason: str = ""


@dataclass(frozen=True)
class ChromaMean:
    """Hold the means of one codec over its clips under one measure, of the figures that are defined."""

    measure: str
    codec: str
    clips: int
    defined: dict[str, int]  # how many clips each mean is of
    gain: float
    bd_rate: float
    gain_signalled: float | None = None
    bd_rate_signalled: float | None = None


class ChromaTables(NamedTuple):
    """Hold the tables of a report on chroma."""

    rows: list[ChromaRow]
    clips: list[ChromaClip]
    means: list[ChromaMean]


def check(chosen: LoadedChroma, shards: Sequence[Shard]) -> list[str]:
    """Return cautions on a chroma filter; InputError if no shard has the chroma that it takes."""
    found = [shard for shard in shards if shard.info.chroma == CHROMA]
    if not found:
        raise InputError(f"{shards[0].path}: chroma format {shards[0].info.chroma}; no clip has {CHROMA}")
    return cautions(chosen.notes, found)


def describe(
    chosen: LoadedChroma, shards: Sequence[Shard], found: Sequence[str], guide_unit: int | None
) -> dict[str, str]:
    """Describe a chroma filter in words, what is signalled for it, and which clips are left out; found: cautions."""
    config, kmac = chosen.network.config, kmac_per_sample(chosen.network)
    words = f"{parameter_count(chosen.network):,} parameters, {kmac:.1f} kMAC per luma sample, input {config.input}"
    others = sorted({f"{s.info.source} ({s.info.chroma})" for s in shards if s.info.chroma != CHROMA})
    return {
        "chroma": f"{chosen.name}: {words}",
        **({"signalled for chroma": guided_in_words(guide_unit)} if guide_unit else {}),
        **({"chroma left out": ", ".join(others)} if others else {}),
        **({"chroma caution": "; ".join(found)} if found else {}),
    }


def measure_chroma(
    network: ChromaRdn, meter: Meter, way: Way, luma: Sequence[FrameFigures], guide_unit: int | None
) -> dict[str, list[FrameFigures]]:
    """Filter the chroma of all frames of a shard and compare it with the original, by measure.

    meter: of the shard, takes the PSNRs of U and V for its points. luma: what was measured of the luma of each frame.
    guide_unit: the units whose weights are signalled, in luma samples; None to signal none. U and V are charged with
    the bits of their own weights, YUV with all, and with what is signalled for luma. SSIM is not measured.
    """
    found: dict[str, list[FrameFigures]] = {name: [] for name in MEASURES}
    for index, of_luma in enumerate(luma):
        of_u, of_v = _measure_planes(network, meter.shard, index, way, guide_unit)
        together = FrameFigures(
            psnr_yuv(of_luma.psnr_unfiltered, of_u.psnr_unfiltered, of_v.psnr_unfiltered),
            psnr_yuv(of_luma.psnr_baseline, of_u.psnr_baseline, of_v.psnr_baseline),
            psnr_yuv(of_luma.psnr_filtered, of_u.psnr_filtered, of_v.psnr_filtered),
            *(math.nan, math.nan),
        )
        if of_u.psnr_signalled is not None and of_v.psnr_signalled is not None:
            signalled = of_luma.psnr_filtered if of_luma.psnr_signalled is None else of_luma.psnr_signalled
            together = replace(
                together,
                psnr_signalled=psnr_yuv(signalled, of_u.psnr_signalled, of_v.psnr_signalled),
                signalled_bits=of_luma.signalled_bits + of_u.signalled_bits + of_v.signalled_bits,
            )
        for name, figures in zip(MEASURES, (of_u, of_v, together), strict=True):
            found[name].append(figures)
    planes = found["U"], found["V"]
    meter.set_chroma(*([frame.psnr_filtered for frame in frames] for frames in planes))
    if guide_unit:
        u, v = ([f.psnr_signalled for f in frames if f.psnr_signalled is not None] for frames in planes)
        meter.set_signalled_chroma(u, v, sum(frame.signalled_bits for frames in planes for frame in frames))
    return found


def _measure_planes(
    network: ChromaRdn, shard: Shard, index: int, way: Way, guide_unit: int | None
) -> tuple[FrameFigures, FrameFigures]:
    """Filter and compare U and V of a frame."""
    original, baseline, unfiltered = (shard.picture(signal, index) for signal in SIGNALS)
    original, depth = convert_bit_depth(original, baseline.bit_depth), baseline.bit_depth
    conditions = Conditions(shard.info.hevc_qp, shard.info.ctu_size, way)
    if guide_unit:
        multiplier = lagrangian_of(shard) / 255**2
        guided = guide_chroma(network, original, baseline, unfiltered, conditions, guide_unit, multiplier)
    else:
        u, v = filter_chroma(network, baseline, unfiltered, conditions.qp, conditions.ctu_size, way)
        guided = Guided(u, u, []), Guided(v, v, [])

    def figures(before: Plane, base: Plane, start: Plane, its: Guided) -> FrameFigures:
        return FrameFigures(
            psnr_unfiltered=psnr(before, start, depth),
            psnr_baseline=psnr(before, base, depth),
            psnr_filtered=psnr(before, its.plain, depth),
            ssim_baseline=math.nan,
            ssim_filtered=math.nan,
            psnr_signalled=psnr(before, its.guided, depth) if guide_unit else None,
            signalled_bits=len(its.bits),
        )

    of_u, of_v = map(figures, original.planes[1:], baseline.planes[1:], unfiltered.planes[1:], guided)
    return of_u, of_v


def tables(
    network: ChromaRdn, measured: Iterable[tuple[Meter, Sequence[FrameFigures]]], way: Way, guide_unit: int | None
) -> ChromaTables:
    """Filter and return the tables; measured: of each shard, with its frames of luma; those not 4:2:0 are left out.

    Under each measure a frame is left out at all QPs of its clip if a plane is that of the original at one of them, as
    in the tables of luma. So a clip whose chroma is flat has no figures.
    """
    shards, of_shards = [], []
    for meter, luma in measured:
        if meter.shard.info.chroma == CHROMA:
            shards.append(meter.shard)
            of_shards.append(measure_chroma(network, meter, way, luma, guide_unit))
    found = ChromaTables([], [], [])
    for name in MEASURES:
        frames = [of_shard[name] for of_shard in of_shards]
        rows = average_frames(shards, frames, exact_frames(frames))
        clips = summarise(rows)
        found.rows.extend(
            ChromaRow(name, r.source, r.codec, r.qp, r.frames, r.lossless, r.bits, r.psnr_baseline, r.psnr_filtered,
                      r.gain, r.psnr_signalled, r.gain_signalled, r.bits_signalled)
            for r in rows
        )  # fmt: skip
        found.clips.extend(
            ChromaClip(name, c.source, c.codec, c.gain, c.bd_rate, c.bd_rate_reason, c.gain_signalled,
                       c.bd_rate_signalled, c.bd_rate_signalled_reason)
            for c in clips
        )  # fmt: skip
        for m in average(clips):
            defined = {field: count for field, count in m.defined.items() if field != "bd_rate_unfiltered"}
            found.means.append(
                ChromaMean(name, m.codec, m.clips, defined, m.gain, m.bd_rate, m.gain_signalled, m.bd_rate_signalled)
            )
    return found
