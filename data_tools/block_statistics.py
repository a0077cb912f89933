"""Write values of blocks as text that YUView opens beside a video: the block statistics of VTM (.vtmbmsstats)."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import LABEL_KINDS
from codecnn.hevc import CodedPicture
from codecnn.intra.hevc import MODES
from codecnn.labels.mode_sets import count_of

SUFFIX = ".vtmbmsstats"
LEAST_QP = -12  # at 10 bit


class Statistic(NamedTuple):
    """Declare what is told of blocks; YUView colours its values between the least and the most."""

    name: str  # letters, digits and underscores
    least: int
    most: int

    def __str__(self) -> str:
        kind = "Flag; " if (self.least, self.most) == (0, 1) else f"Integer; [{self.least}, {self.most}]"
        return f"# Block Statistic Type: {self.name}; {kind}"


# Of coding units, prediction blocks and transform units, each with its field; bits are rounded to whole ones.
UNITS = {"qp": Statistic("QP", LEAST_QP, 51), "parts": Statistic("Parts", 1, 4), "bits": Statistic("UnitBits", 0, 1024)}
BLOCKS = {
    "luma_mode": Statistic("LumaMode", -1, MODES - 1),
    "chroma_mode": Statistic("ChromaMode", -1, MODES - 1),
    "bits": Statistic("ModeBits", 0, 16),
}
TRANSFORMS = {
    "depth": Statistic("TransformDepth", 0, 4),
    "cbf_y": Statistic("CbfY", 0, 1),
    "cbf_cb": Statistic("CbfCb", 0, 1),
    "cbf_cr": Statistic("CbfCr", 0, 1),
    "skip_y": Statistic("TransformSkipY", 0, 1),
    "bits": Statistic("ResidualBits", 0, 1024),
}

MOST = {
    "coding_unit_size": 64,
    "prediction_block_size": 64,
    "transform_unit_size": 32,
    "luma_mode": MODES,
    "chroma_mode": MODES,
    "qp": 51,
    "cbf": 7,
    "transform_skip": 7,
}  # of the maps of `coding`


def header(width: int, height: int, statistics: Iterable[Statistic]) -> str:
    """Return the first lines of a file, for pictures of so many luma samples."""
    lines = ["# VTMBMS Block Statistics", f"# Sequence size: [{width}x{height}]", *map(str, statistics)]
    return "\n".join(lines) + "\n"


def stream_header(picture: CodedPicture) -> str:
    """Return the first lines of a file about the stream of a picture."""
    height, width = picture.unfiltered.y.shape
    return header(width, height, [*UNITS.values(), *BLOCKS.values(), *TRANSFORMS.values()])


def picture_text(picture: CodedPicture, number: int) -> str:
    """Return the lines of a coded picture; number: in output order."""
    left, _, top, _ = picture.sps.window
    tables = ((picture.coding_units, UNITS), (picture.prediction_blocks, BLOCKS), (picture.transform_units, TRANSFORMS))
    lines: list[str] = []
    for units, statistics in tables:
        x, y, size = (units[name].astype(int) for name in ("x", "y", "size"))
        for field, statistic in statistics.items():
            lines += _lines(number, statistic, x - left, y - top, (size, size), np.rint(units[field]).astype(int))
    return "".join(lines)


def labels_text(shard: Shard) -> Iterator[str]:
    """Yield the text about the labels of a shard, and about the encoder's decisions where they are stored.

    A statistic such as `dct_mode_8x8` has the labels of all blocks of a size that are wholly inside the picture.
    """
    info = shard.info
    chosen = [m for m in info.block_maps if m.name.removesuffix("_mode") in LABEL_KINDS or m.folder == "coding"]
    each = [(block_map, size) for block_map in chosen for size in block_map.sizes_in(info)]
    statistics = {}
    for block_map, size in each:
        name = f"{block_map.name}_{size.width}x{size.height}" if block_map.folder == "labels" else block_map.name
        most = count_of(info.mode_set) - 1 if block_map.folder == "labels" else MOST[block_map.name]
        statistics[block_map.name, size] = Statistic(name, LEAST_QP if name == "qp" else 0, most)
    yield header(info.width, info.height, statistics.values())
    maps = {size: shard.maps(size) for _, size in each}
    for row, ctu in enumerate(shard.ctus):
        for block_map, size in each:
            values = maps[size][block_map.name][row]
            down, across = np.nonzero(values != block_map.outside)
            x, y = ctu["x"] + across * size.width, ctu["y"] + down * size.height
            sides = np.full(len(x), size.width), np.full(len(x), size.height)
            told = statistics[block_map.name, size]
            yield "".join(_lines(int(ctu["frame"]), told, x, y, sides, values[down, across]))


def _lines(
    number: int, statistic: Statistic, x: NDArray, y: NDArray, sides: tuple[NDArray, NDArray], values: NDArray
) -> Iterator[str]:
    for left, top, width, height, value in zip(*(a.tolist() for a in (x, y, *sides, values)), strict=True):
        yield f"BlockStat: POC {number} @({left:4},{top:4}) [{width:2}x{height:2}] {statistic.name}={value}\n"
