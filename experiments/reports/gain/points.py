"""Collect every rate-distortion point of a report on filters, and what was measured of each frame."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Self

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.dataset.reader import Shard
from codecnn.metrics import flicker, ms_ssim, psnr, psnr_yuv
from codecnn.video.picture import Picture, Plane
from experiments.reports.gain.vmaf import VmafClips
from experiments.reports.shared.frames import bits_of
from experiments.reports.shared.means import mean_defined

METRICS = ("ms-ssim", "vmaf")  # slow, so only measured if asked for
UNFILTERED, BASELINE, FILTERED, SIGNALLED = "unfiltered", "baseline", "filtered", "signalled"
NOT_FILTERS = ("original", UNFILTERED, BASELINE, SIGNALLED)  # no filter may have the name of one of these


@dataclass(frozen=True)
class Point:
    """Hold one rate-distortion point: a picture of a clip at a QP, means over frames, NaN where not defined."""

    source: str
    codec: str
    qp: int
    picture: str  # unfiltered, baseline, filtered or signalled; where filters are compared, the name of one
    frames: int  # in the means
    bits: float  # of these frames; of the unfiltered picture those of its own stream
    kbps: float
    psnr_y: float
    frames_chroma: int  # in the means of U, V and YUV: those of the clip without an exact plane at any QP
    bits_chroma: float  # of these frames, as `bits`
    psnr_u: float
    psnr_v: float
    psnr_yuv: float  # (6 Y + U + V) / 8
    ssim: float
    ms_ssim: float
    vmaf: float
    flicker: float  # mean over pairs of consecutive frames, in the scale of 8 bit
    seconds: float  # for filtering a frame


@dataclass(frozen=True)
class FramePoint:
    """Hold one frame of a filtered picture of a clip at a QP."""

    source: str
    codec: str
    qp: int
    picture: str
    frame: int
    bits: int  # without what is signalled for the filter
    psnr_baseline: float  # NaN for a frame without error, as below
    psnr_filtered: float
    gain: float


@dataclass
class Meter:
    """Measure the pictures of a shard, frame by frame; a context manager, since VMAF keeps files until the end."""

    shard: Shard
    metrics: Sequence[str] = ()
    name: str = FILTERED  # of the filter
    seconds: float = 0.0  # of filtering all frames; 0: not measured
    measured: dict[str, dict[str, list[float]]] = field(default_factory=dict)  # by picture, then by measure
    before: dict[str, Plane] = field(default_factory=dict)  # the luma of the last frame
    clips: VmafClips | None = None
    chroma_bits: int = 0  # of what is signalled for chroma in all frames

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the files that are left after an error."""
        if self.clips:
            self.clips.close()

    def add(self, index: int, pictures: Mapping[str, Picture], known: Mapping[str, Mapping[str, float]]) -> None:
        """Measure pictures of a frame. known: what has been measured of them, by picture and measure."""
        depth = next(iter(pictures.values())).bit_depth
        original = convert_bit_depth(self.shard.picture("original", index), depth)
        for name, picture in pictures.items():
            found = dict(known[name])
            for plane, a, b in zip("uv", original.planes[1:], picture.planes[1:], strict=False):
                found[f"psnr_{plane}"] = psnr(a, b, depth)
            if "ms-ssim" in self.metrics:
                found["ms_ssim"] = ms_ssim(original.y, picture.y, depth)
            if name in self.before:
                pair = (self.before[""], original.y), (self.before[name], picture.y)
                found["flicker"] = flicker(*pair, depth)
            of_picture = self.measured.setdefault(name, defaultdict(list))
            for measure, value in found.items():
                of_picture[measure].append(value)
        self.before = {"": original.y, **{name: picture.y for name, picture in pictures.items()}}
        if "vmaf" in self.metrics:
            self.clips = self.clips or VmafClips(original, pictures)
            self.clips.add(original, pictures)

    def finish(self) -> None:
        """Measure what needs all frames."""
        if self.clips:
            for name, scores in self.clips.scores().items():
                self.measured[name]["vmaf"] = scores

    def set_chroma(self, u: Sequence[float], v: Sequence[float]) -> None:
        """Take the PSNRs of U and V of each frame after a chroma filter, for the pictures of filtered luma."""
        for name in {self.name, SIGNALLED} & self.measured.keys():
            self.measured[name] |= {"psnr_u": [*u], "psnr_v": [*v]}

    def set_signalled_chroma(self, u: Sequence[float], v: Sequence[float], bits: int) -> None:
        """Take the same with what is signalled for chroma, and its bits; its luma is filtered luma if not signalled."""
        of_luma = self.measured.get(SIGNALLED) or self.measured[self.name]
        self.measured[SIGNALLED] = of_luma | {"psnr_u": [*u], "psnr_v": [*v]}
        self.chroma_bits = bits

    def exact_chroma(self) -> list[bool]:
        """Return for each frame whether a chroma plane of a picture is the original; True if there is no chroma."""
        none = [math.inf] * self.shard.frames
        planes = [measures.get(f"psnr_{plane}", none) for measures in self.measured.values() for plane in "uv"]
        return [math.inf in frame for frame in zip(*planes, strict=True)]

    def points(self, kept: Sequence[int], kept_chroma: Sequence[int], signalled_bits: int) -> list[Point]:
        """Return a point for each picture, means over the frames `kept`, those of U, V and YUV over `kept_chroma`.

        signalled_bits: of what is signalled for luma, for the picture that is made with it.
        """
        info, count = self.shard.info, len(kept)
        found = []
        for name, measures in self.measured.items():
            means = {measure: _mean(measures, measure, kept) for measure in measures}
            y, u, v = (_mean(measures, f"psnr_{plane}", kept_chroma) for plane in "yuv")
            bits, bits_chroma = (self._bits(name, frames, signalled_bits) for frames in (kept, kept_chroma))
            found.append(
                Point(
                    source=info.source,
                    codec=info.codec,
                    qp=info.qp,
                    picture=name,
                    frames=count,
                    bits=bits,
                    kbps=bits / count * float(Fraction(info.fps)) / 1000 if count else math.nan,
                    psnr_y=means["psnr_y"],
                    frames_chroma=len(kept_chroma),
                    bits_chroma=bits_chroma,
                    psnr_u=u,
                    psnr_v=v,
                    psnr_yuv=psnr_yuv(y, u, v),
                    ssim=means.get("ssim", math.nan),
                    ms_ssim=means.get("ms_ssim", math.nan),
                    vmaf=means.get("vmaf", math.nan),
                    flicker=means.get("flicker", math.nan),
                    seconds=self.seconds / self.shard.frames if name == self.name and self.seconds else math.nan,
                )
            )
        return found

    def _bits(self, picture: str, kept: Sequence[int], signalled_bits: int) -> float:
        bits, unfiltered = bits_of(self.shard, kept)
        if picture == UNFILTERED:
            return math.nan if unfiltered is None else unfiltered
        return bits + signalled_bits + self.chroma_bits if picture == SIGNALLED else bits

    def frames(self) -> list[FramePoint]:
        """Return a row for each frame of the filtered picture."""
        info = self.shard.info
        pairs = zip(self.measured[BASELINE]["psnr_y"], self.measured[self.name]["psnr_y"], strict=True)
        return [
            FramePoint(
                info.source, info.codec, info.qp, self.name, index, int(self.shard.bits[index]),
                *((before, after, after - before) if math.isfinite(after + before) else (math.nan,) * 3),
            )
            for index, (before, after) in enumerate(pairs)
        ]  # fmt: skip


def _mean(measures: Mapping[str, Sequence[float]], name: str, kept: Sequence[int]) -> float:
    numbered = enumerate(measures.get(name, ()), start=name == "flicker")  # which is not defined for the first frame
    return mean_defined(value for number, value in numbered if number in kept)


def without_repeats(points: Sequence[Point]) -> list[Point]:
    """Return the points in the order of clip, codec, QP and picture, each once: filters share what is not filtered."""
    first: dict[tuple[str, str, int, str], Point] = {}
    for point in points:
        first.setdefault((point.source, point.codec, point.qp, point.picture), point)
    return sorted(first.values(), key=lambda point: (point.source, point.codec, point.qp))
