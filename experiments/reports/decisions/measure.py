"""Measure what decisions cost in real bits, and how often labels are the modes that an encoder chose."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import av
import numpy as np

from codecnn.codecs.libavcodec import encode_pictures, open_encoder
from codecnn.codecs.x265 import X265
from codecnn.hevc import Chooser, CodedPicture, Full, Partition, encode, read
from codecnn.intra.block_size import BlockSize
from codecnn.labels.rate_distortion import Coding
from codecnn.labels.search import label_picture
from codecnn.metrics import BdRate, bd_rate_or_reason, psnr
from codecnn.video.clip import Clip
from codecnn.video.picture import Picture, VideoFormat
from experiments.reports.decisions.methods import CTU, Method

FULL, X265_NAME = "full", "x265"
PLANES = ("psnr", "psnr_u", "psnr_v")
OF_FULL, OWN = "of the full search", "its own"
LABEL_SIZES = (4, 8, 16, 32)
WARM_QP = 40


@dataclass(frozen=True)
class Point:
    """Hold a picture coded by one method at one QP."""

    source: str
    method: str
    partition: str
    qp: int
    samples: int  # of luma
    bits: int  # of the slice NAL units
    psnr: float  # PSNR-Y without in-loop filters, dB
    psnr_u: float | None  # None at 4:0:0
    psnr_v: float | None
    seconds: float  # of processor time


@dataclass(frozen=True)
class Agreement:
    """Hold how often the labels of blocks are the modes that x265 chose."""

    source: str
    qp: int
    size: int
    blocks: int
    hadamard: float
    dct: float
    rd: float


def middle(picture: Picture, side: int) -> Picture:
    """Return the middle of a picture, at even places; all of it if `side` is 0 or larger than the picture."""
    height, width = (min(side or length, length) & ~1 for length in picture.y.shape)
    top, left = ((full - part) // 2 & ~1 for full, part in zip(picture.y.shape, (height, width), strict=True))
    planes = []
    for plane in picture.planes:
        down = 1 if plane.shape == picture.y.shape else 2
        planes.append(plane[top // down : (top + height) // down, left // down : (left + width) // down])
    return Picture.of(planes, picture.bit_depth)


@cache
def _warm_up(chroma: str, bit_depth: int, methods: Sequence[Method]) -> None:
    """Code a small picture once in every way, so that loading and compiling code is in no measured time."""
    fmt = VideoFormat(CTU, CTU, bit_depth, chroma=chroma)
    random = np.random.default_rng(0)
    kind = np.uint8 if bit_depth == 8 else np.uint16
    picture = Picture.of([random.integers(0, 1 << bit_depth, shape, kind) for shape in fmt.plane_shapes], bit_depth)
    for choose in (Full(), *(method.chooser() for method in methods[:3])):
        encode([picture], fmt, WARM_QP, choose)


def measure_picture(clip: Clip, picture: Picture, qp: int, methods: Sequence[Method]) -> list[Point | Agreement]:
    """Return the points of the methods for a picture of a clip at a QP, and the agreement of labels with x265."""
    _warm_up(picture.chroma, picture.bit_depth, methods)
    height, width = picture.y.shape
    fmt = replace(clip.format, height=height, width=width)
    source = clip.path.name

    def point_of(method: str, partition: str, choose: Chooser) -> tuple[Point, CodedPicture]:
        start = time.process_time()
        _, (coded,) = encode([picture], fmt, qp, choose)
        return _point(source, method, partition, qp, picture, coded, time.process_time() - start), coded

    first, searched = point_of(FULL, OWN, Full())
    found: list[Point | Agreement] = [first]
    for method in methods:
        found.append(point_of(method.name, OF_FULL, Partition.of(searched, method.chooser()))[0])
        found.append(point_of(method.name, OWN, method.chooser())[0])
    other, coded = _code_by_x265(clip, picture, qp)
    return [*found, other, *(_agreement(source, picture, coded, qp) if methods else ())]


def _point(
    source: str, method: str, partition: str, qp: int, picture: Picture, coded: CodedPicture, seconds: float
) -> Point:
    """Return the point of a picture that is coded."""
    pairs = zip(picture.planes, coded.unfiltered.crop(*picture.y.shape).planes, strict=True)
    luma, *chroma = (psnr(original, plane, picture.bit_depth) for original, plane in pairs)
    u, v = chroma or (None, None)
    return Point(source, method, partition, qp, picture.y.size, 8 * coded.size, luma, u, v, seconds)


def _code_by_x265(clip: Clip, picture: Picture, qp: int) -> tuple[Point, CodedPicture]:
    """Code a picture by libx265 medium without in-loop filters."""
    height, width = picture.y.shape
    small = replace(clip, format=replace(clip.format, height=height, width=width))
    options = {"preset": X265().preset, "x265-params": f"{X265().parameters(qp)}:no-deblock=1:no-sao=1"}
    encoder = open_encoder("libx265", small, options, minimum=CTU)
    start = time.process_time()
    packets: list[av.Packet] = list(encode_pictures(encoder, [picture]))
    seconds = time.process_time() - start
    (coded,) = read(b"".join(bytes(packet) for packet in packets))
    return _point(clip.path.name, X265_NAME, OWN, qp, picture, coded, seconds), coded


def _agreement(source: str, picture: Picture, coded: CodedPicture, qp: int) -> Iterator[Agreement]:
    """Yield for each size of block how often its labels are the modes that x265 chose."""
    height, width = picture.y.shape
    reference = coded.unfiltered.crop(height, width).y
    sizes = [BlockSize(size, size) for size in LABEL_SIZES]
    labels = label_picture(picture.y, reference, picture.bit_depth, sizes, CTU, "hevc-35", coding=Coding("x265", qp))
    for size in sizes:
        side, maps = size.width, labels[size]
        blocks = coded.prediction_blocks[coded.prediction_blocks["size"] == side]
        inside = (blocks["x"] + side <= width) & (blocks["y"] + side <= height)
        blocks = blocks[inside]
        if blocks.size == 0:
            continue
        at = blocks["y"] // side, blocks["x"] // side
        assert maps.rd_mode is not None
        shares = (
            float(np.mean(modes[at] == blocks["luma_mode"]))
            for modes in (maps.hadamard_mode, maps.dct_mode, maps.rd_mode)
        )
        yield Agreement(source, qp, side, blocks.size, *shares)


def bd_rates(
    points: Sequence[Point], anchor: str = FULL, plane: str = PLANES[0]
) -> dict[tuple[str, str], dict[str, BdRate]]:
    """Return the BD-rate of every method and partition against the anchor, by source; plane: of PLANES."""
    curves: dict[tuple[str, str], dict[str, list[Point]]] = {}
    for point in points:
        curves.setdefault((point.method, point.partition), {}).setdefault(point.source, []).append(point)
    rates: dict[tuple[str, str], dict[str, BdRate]] = {}
    anchors = {source: _curve(its, plane) for source, its in curves.pop((anchor, OWN)).items()}
    for key, sources in curves.items():
        rates[key] = {
            source: bd_rate_or_reason(*anchors[source], *_curve(curve, plane)) for source, curve in sources.items()
        }
    return rates


def _curve(points: Sequence[Point], plane: str) -> tuple[list[float], list[float]]:
    return [point.bits for point in points], [getattr(point, plane) for point in points]
