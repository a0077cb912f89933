"""Measure what a chroma filter gains beside a filter of luma: PSNR-U, PSNR-V and PSNR-YUV, and their BD-rates."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import SIGNALS
from codecnn.errors import InputError
from codecnn.inference.chroma import filter_chroma
from codecnn.inference.filtering import Way
from codecnn.inference.load import LoadedChroma
from codecnn.metrics import psnr, psnr_yuv
from codecnn.models.chroma_rdn import CHROMA, ChromaRdn
from codecnn.models.costs import kmac_per_sample, parameter_count
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


@dataclass(frozen=True)
class ChromaClip:
    """Hold one clip of one codec over its QPs under one measure; the BD-rate is NaN with a reason."""

    measure: str
    source: str
    codec: str
    gain: float
    bd_rate: float
    bd_rate_reason: str


@dataclass(frozen=True)
class ChromaMean:
    """Hold the means of one codec over its clips under one measure, of the figures that are defined."""

    measure: str
    codec: str
    clips: int
    defined: dict[str, int]  # how many clips each mean is of
    gain: float
    bd_rate: float


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


def describe(chosen: LoadedChroma, shards: Sequence[Shard], found: Sequence[str]) -> dict[str, str]:
    """Describe a chroma filter in words, and which clips are left out; found: cautions."""
    config, kmac = chosen.network.config, kmac_per_sample(chosen.network)
    words = f"{parameter_count(chosen.network):,} parameters, {kmac:.1f} kMAC per luma sample, input {config.input}"
    others = sorted({f"{s.info.source} ({s.info.chroma})" for s in shards if s.info.chroma != CHROMA})
    return {
        "chroma": f"{chosen.name}: {words}",
        **({"chroma left out": ", ".join(others)} if others else {}),
        **({"chroma caution": "; ".join(found)} if found else {}),
    }


def measure_chroma(
    network: ChromaRdn, meter: Meter, way: Way, luma: Sequence[FrameFigures]
) -> dict[str, list[FrameFigures]]:
    """Filter the chroma of all frames of a shard and compare it with the original, by measure.

    meter: of the shard, takes the PSNRs of U and V for its points. luma: what was measured of the luma of each frame.
    SSIM is not measured.
    """
    shard = meter.shard
    found: dict[str, list[FrameFigures]] = {name: [] for name in MEASURES}
    for index, of_luma in enumerate(luma):
        original, baseline, unfiltered = (shard.picture(signal, index) for signal in SIGNALS)
        original, depth = convert_bit_depth(original, baseline.bit_depth), baseline.bit_depth
        u, v = filter_chroma(network, baseline, unfiltered, shard.info.qp, shard.info.ctu_size, way)
        of_u = [psnr(original.u, plane, depth) for plane in (unfiltered.u, baseline.u, u)]
        of_v = [psnr(original.v, plane, depth) for plane in (unfiltered.v, baseline.v, v)]
        of_y = [of_luma.psnr_unfiltered, of_luma.psnr_baseline, of_luma.psnr_filtered]
        together = [psnr_yuv(*planes) for planes in zip(of_y, of_u, of_v, strict=True)]
        for name, figures in zip(MEASURES, (of_u, of_v, together), strict=True):
            found[name].append(FrameFigures(figures[0], figures[1], figures[2], math.nan, math.nan))
    meter.set_chroma(*([frame.psnr_filtered for frame in found[plane]] for plane in "UV"))
    return found


def tables(network: ChromaRdn, measured: Iterable[tuple[Meter, Sequence[FrameFigures]]], way: Way) -> ChromaTables:
    """Filter and return the tables; measured: of each shard, with its frames of luma; those not 4:2:0 are left out.

    Under each measure a frame is left out at all QPs of its clip if a plane is that of the original at one of them, as
    in the tables of luma. So a clip whose chroma is flat has no figures.
    """
    shards, of_shards = [], []
    for meter, luma in measured:
        if meter.shard.info.chroma == CHROMA:
            shards.append(meter.shard)
            of_shards.append(measure_chroma(network, meter, way, luma))
    found = ChromaTables([], [], [])
    for name in MEASURES:
        frames = [of_shard[name] for of_shard in of_shards]
        rows = average_frames(shards, frames, exact_frames(frames))
        clips = summarise(rows)
        found.rows.extend(
            ChromaRow(name, r.source, r.codec, r.qp, r.frames, r.lossless, r.bits, r.psnr_baseline, r.psnr_filtered,
                      r.gain)
            for r in rows
        )  # fmt: skip
        found.clips.extend(ChromaClip(name, c.source, c.codec, c.gain, c.bd_rate, c.bd_rate_reason) for c in clips)
        for mean in average(clips):
            defined = {field: mean.defined[field] for field in ("gain", "bd_rate")}
            found.means.append(ChromaMean(name, mean.codec, mean.clips, defined, mean.gain, mean.bd_rate))
    return found
