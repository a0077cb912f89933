"""Declare what a dataset file (a shard) holds: attributes, signals, maps by block, and the arrays that follow.

One shard holds one clip at one QP, with a row in each array for a CTU window or a frame::

    /<signal>/y, u, v               (n, S, S) and, by chroma format, u and v: (n, S/2, S/2) at 4:2:0, (n, S, S/2) at
                                    4:2:2, (n, S, S) at 4:4:4, none at 4:0:0; S = ctu_size + 2 margin
    /ctu                            (n,) of frame, x, y, width, height: where the CTU is, and its valid part
    /bits, /qp_used                 (frames,)
    /unfiltered_bits                (frames,), where the unfiltered signal is of a second encoding
    /<folder>/<size>/<map>          (n, ctu_size / height, ctu_size / width): a value for each block of labels, or,
                                    in the folder `coding`, for each 4x4 samples what the encoder decided there

One chunk holds one CTU window. The attributes are the fields of ShardInfo: all that is needed to make the file again.
Beside them are `in_loop_filters` (which were on in the stream) and, for a check, the number of frames, the sums of
their bits, and the sha256 of the rows of every array.

Adding a signal or a map by block costs its declaration here, and what computes it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecnn.codecs.qps import hevc_qp
from codecnn.intra.block_size import BlockSize
from codecnn.labels.label import NO_LABEL
from codecnn.labels.mode_sets import MODE_SETS, ModeSet, count_of
from codecnn.video.picture import SCALES, VideoFormat

SCHEMA, FORMER_SCHEMA = "codecnn-ctu-4", "codecnn-ctu-3"
Signal = str
SIGNALS: tuple[Signal, ...] = ("original", "baseline", "unfiltered")  # every shard has these
PREDICTION: Signal = "prediction"
OPTIONAL_SIGNALS: tuple[Signal, ...] = (PREDICTION,)  # and may have these
BITS = ("bits", "unfiltered_bits")  # arrays of coded bits by frame, each with its sum in an attribute total_...
MOST_BITS, MOST_BITS_PER_SAMPLE = 1 << 20, 64  # a frame of more than so many, and so many a luma sample, is forged
FPS = re.compile(r"\d{1,9}(/[1-9]\d{0,8})?")
DEFLATE_RATIO = 1032  # what gzip makes smaller at most
PCM_MODE = 35  # in place of a mode of HEVC, where samples are coded as they are
CTU_DTYPE = np.dtype([("frame", "<i4"), ("x", "<i4"), ("y", "<i4"), ("width", "<i2"), ("height", "<i2")])


@dataclass(frozen=True)
class ShardInfo:
    """Hold all that is needed to make a shard again; two shards with equal info hold equal data."""

    source: str  # file name
    source_sha256: str
    width: int
    height: int
    bit_depth: int
    chroma: str
    fps: str  # a fraction, such as 30000/1001
    colour: str  # how the samples came about: range, and for RGB sources the matrix and chroma siting
    first_frames: int  # the first so many frames of the source are looked at; 0: all
    every: int  # of those, every n-th is taken
    codec: str
    codec_version: str
    preset: str  # the encoder's own name for it; empty: it has none
    codec_parameters: str
    decoder_version: str
    unfiltered_by: str  # how the unfiltered picture was obtained
    qp: int
    ctu_size: int
    margin: int
    label_sizes: str  # such as "4 8 16 16x8" (width x height), "" for no labels
    label_modes: str  # the mode set
    label_references: str  # the signal that the reference samples of the labels come from
    package_version: str
    signals: str = " ".join(SIGNALS)
    maps: str = ""  # the names of the maps by block
    rd_measure: str = ""  # what the rate-distortion cost of labels is, "" where there are none by it
    scan: str = "not stated"  # "progressive", or how the source is interlaced; its frames are taken as progressive
    coded_bit_depth: int = 0  # of all signals but the original; 0: as the original
    # What the unfiltered signal is decoded from: the baseline's stream, or a second one whose bits are stored as well.
    # In files of before the bits of a second one are unknown.
    unfiltered_stream: Literal["same", "second", "unknown"] = "same"
    schema: str = SCHEMA

    @property
    def format(self) -> VideoFormat:
        """Return the format of the original."""
        return VideoFormat(self.width, self.height, self.bit_depth, Fraction(self.fps), self.chroma)

    def bit_depth_of(self, signal: Signal) -> int:
        """Return the bit depth of a signal: that of the decoder for all but the original."""
        return self.bit_depth if signal == "original" else self.coded_bit_depth or self.bit_depth

    def format_of(self, signal: Signal) -> VideoFormat:
        """Return the format of a signal."""
        return replace(self.format, bit_depth=self.bit_depth_of(signal))

    @property
    def hevc_qp(self) -> int:
        """Return the QP that networks are told: that of HEVC with about the same quantisation step."""
        return hevc_qp(self.codec, self.qp)

    @property
    def most_bits(self) -> int:
        """Return the bits that no frame can have more of."""
        return MOST_BITS + MOST_BITS_PER_SAMPLE * self.width * self.height

    @property
    def planes(self) -> str:
        """Return the names of each signal's planes: "yuv", at 4:0:0 "y"."""
        return "yuv"[: len(SCALES[self.chroma])]

    @property
    def blocks(self) -> tuple[BlockSize, ...]:
        """Return the block sizes that have labels."""
        return tuple(BlockSize.of(text) for text in self.label_sizes.split())

    @property
    def mode_set(self) -> ModeSet:
        """Return the mode set of the labels; ValueError if there are no labels."""
        found = [known for known in MODE_SETS if known == self.label_modes]
        if not found:
            raise ValueError(f"labels of {self.label_modes!r:.80}, which is no mode set")
        return found[0]

    @property
    def signal_names(self) -> tuple[Signal, ...]:
        """Return the names of the signals."""
        return tuple(self.signals.split())

    @property
    def block_maps(self) -> "tuple[BlockMap, ...]":
        """Return the declarations of the maps by block."""
        return tuple(BLOCK_MAPS[name] for name in self.maps.split())


class BlockMap(NamedTuple):
    """Declare a value for every block of some sizes."""

    name: str
    dtype: np.dtype
    outside: float  # the value of a block that is not wholly inside the picture
    valid: Callable[[NDArray, ShardInfo], NDArray[np.bool_]]  # which values of blocks inside can be
    rule: str  # the same in words: "blocks have ..."
    folder: str = "labels"
    sizes: tuple[BlockSize, ...] = ()  # of the blocks; none: those that have labels

    def sizes_in(self, info: ShardInfo) -> tuple[BlockSize, ...]:
        """Return the block sizes that the map is stored for."""
        return self.sizes or info.blocks

    def array(self, size: BlockSize) -> str:
        """Return the name of its array."""
        return f"{self.folder}/{size}/{self.name}"

    def count_wrong(self, values: NDArray, size: BlockSize, ctus: NDArray[np.void], info: ShardInfo) -> int:
        """Count the blocks inside of the picture whose value cannot be, and those outside that do not say so.

        values: (n, rows, columns), of the CTUs of a CTU table (n,).
        """
        bottom = (np.arange(values.shape[1]) + 1) * size.height
        right = (np.arange(values.shape[2]) + 1) * size.width
        inside = (bottom <= ctus["height"][:, None])[:, :, None] & (right <= ctus["width"][:, None])[:, None]
        outside = np.isnan(values) if np.isnan(self.outside) else values == self.outside
        return int(np.count_nonzero(~np.where(inside, self.valid(values, info), outside)))


def _is_mode(modes: NDArray, info: ShardInfo) -> NDArray[np.bool_]:
    planar_on_another_line = (modes > 0) & (modes % count_of("vvc-67") == 0)
    is_mode: NDArray[np.bool_] = (modes < count_of(info.mode_set)) & ~planar_on_another_line
    return is_mode


def _is_cost(costs: NDArray, info: ShardInfo) -> NDArray[np.bool_]:
    return (costs >= 0) & (costs < np.inf)


def _label_kind(kind: str) -> tuple[BlockMap, BlockMap]:
    """Declare a kind of label: the mode with the least cost under some measure, and that cost."""
    return (
        BlockMap(
            f"{kind}_mode", np.dtype("u1"), NO_LABEL, _is_mode, "a mode out of range, or not where the picture is"
        ),
        BlockMap(
            f"{kind}_cost", np.dtype("<f4"), np.nan, _is_cost, "a cost that cannot be, or not where the picture is"
        ),
    )


def _coding(name: str, dtype: str, outside: int, valid: Sequence[int], rule: str) -> BlockMap:
    """Declare what an encoder decided for every 4x4 luma samples."""

    def is_valid(values: NDArray, info: ShardInfo) -> NDArray[np.bool_]:
        return np.isin(values, valid)

    rule = f"{rule}, or not where the picture is"
    return BlockMap(name, np.dtype(dtype), outside, is_valid, rule, "coding", (BlockSize(4, 4),))


LABEL_KINDS = ("hadamard", "dct", "rd")
LABELS = [*map(_label_kind, LABEL_KINDS)]
# Of HEVC. A coding unit in PCM has no transform unit (size 0) and the mode 35.
CODING = (
    _coding("coding_unit_size", "u1", 0, (8, 16, 32, 64), "a size that cannot be"),
    _coding("prediction_block_size", "u1", 0, (4, 8, 16, 32, 64), "a size that cannot be"),
    _coding("transform_unit_size", "u1", 255, (0, 4, 8, 16, 32), "a size that cannot be"),
    _coding("luma_mode", "u1", NO_LABEL, range(PCM_MODE + 1), "a mode that cannot be"),
    _coding("chroma_mode", "u1", NO_LABEL, range(PCM_MODE + 1), "a mode that cannot be"),  # 35 at 4:0:0 too
    _coding("qp", "i1", 127, range(-12, 52), "a QP out of range"),
    _coding("cbf", "u1", 255, range(8), "flags that cannot be"),  # 1: Y, 2: Cb, 4: Cr
    _coding("transform_skip", "u1", 255, range(8), "flags that cannot be"),
)
BLOCK_MAPS: dict[str, BlockMap] = {m.name: m for m in (*chain(*LABELS), *CODING)}
LABEL_MAPS = tuple(m.name for m in chain(*LABELS[:2]))  # what labels by SATD are made of
RD_MAPS = tuple(m.name for m in LABELS[2])  # and those by rate-distortion cost
CODING_MAPS = tuple(m.name for m in CODING)


def join_filters(on: Mapping[str, bool]) -> str:
    """Return which in-loop filters are on as text, such as "deblocking on, SAO off"."""
    return ", ".join(f"{name} {'on' if is_on else 'off'}" for name, is_on in on.items())


def split_filters(text: str) -> dict[str, bool]:
    """Return which in-loop filters are on, by their names: the inverse of join_filters; ValueError for other text."""
    parts = [part.rpartition(" ") for part in text.split(", ") if text]
    if any(not name or state not in ("on", "off") for name, _, state in parts):
        raise ValueError(f"in-loop filters {text!r:.80} cannot be")
    return {name: state == "on" for name, _, state in parts}


class Array(NamedTuple):
    """Describe one array of a shard, with a row for each CTU or frame."""

    item: tuple[int, ...]  # shape of a row
    dtype: np.dtype
    chunk: int  # rows in a chunk


def arrays_of(info: ShardInfo) -> dict[str, Array]:
    """Return all arrays of a shard by their names."""
    arrays = {
        "ctu": Array((), CTU_DTYPE, 1024),
        "bits": Array((), np.dtype("<i8"), 1024),
        "qp_used": Array((), np.dtype("<i4"), 1024),
    }
    if info.unfiltered_stream == "second":
        arrays["unfiltered_bits"] = arrays["bits"]
    side = info.ctu_size + 2 * info.margin
    for signal in info.signal_names:
        dtype = info.format_of(signal).dtype
        for plane, (down, across) in zip(info.planes, SCALES[info.chroma], strict=True):
            arrays[f"{signal}/{plane}"] = Array((side // down, side // across), dtype, 1)
    for size in dict.fromkeys(size for block_map in info.block_maps for size in block_map.sizes_in(info)):
        item = info.ctu_size // size.height, info.ctu_size // size.width
        for block_map in info.block_maps:
            if size in block_map.sizes_in(info):
                chunk = max(1, 4096 // (item[0] * item[1]))
                arrays[block_map.array(size)] = Array(item, block_map.dtype, chunk)
    return arrays
