"""Read what an HEVC encoder decided, block by block, for a dataset: the maps of `coding`, and the prediction signal."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecnn.codecs.codec import CodedFrame
from codecnn.dataset import ctu
from codecnn.dataset.schema import CODING, PCM_MODE, ShardInfo
from codecnn.errors import InputError
from codecnn.hevc import CodedPicture
from codecnn.hevc.reading import read_packets
from codecnn.video.picture import Picture

CELL = 4  # luma samples: the smallest block


class Decided(NamedTuple):
    """Hold what an encoder decided for a frame."""

    prediction: Picture
    maps: Mapping[str, NDArray]  # see `coding_maps`


def with_decisions(frames: Iterator[CodedFrame], info: ShardInfo, name: str) -> Iterator[tuple[CodedFrame, Decided]]:
    """Yield the coded frames of a shard with what their stream says of them; few frames are held at a time.

    name: of the clip, in messages. InputError if the stream cannot be read, or if its reconstruction is not that of the
    frame, where both are of the same stream.
    """
    waiting: deque[CodedFrame] = deque()

    def packets() -> Iterator[bytes]:
        for frame in frames:
            waiting.append(frame)
            yield frame.packet

    for number, picture in enumerate(read_packets(packets(), name)):
        frame = waiting.popleft()
        unfiltered, prediction = (_as_stored(whole, info) for whole in (picture.unfiltered, picture.prediction))
        same = all(map(np.array_equal, unfiltered.planes, frame.unfiltered.planes))
        if not same and info.unfiltered_stream == "same":
            raise InputError(f"{name}: frame {number} as it was read has other samples than as it was decoded")
        yield frame, Decided(prediction, coding_maps(picture, info))
    if waiting:
        raise InputError(f"{name}: {len(waiting)} frames are not in the stream")


def _as_stored(picture: Picture, info: ShardInfo) -> Picture:
    """Return the planes and the part that the original has."""
    return Picture.of(picture.planes[: len(info.planes)], picture.bit_depth).crop(info.height, info.width)


def coding_maps(picture: CodedPicture, info: ShardInfo) -> dict[str, NDArray]:
    """Return the maps of `coding` of a picture: (rows, columns) of 4x4 luma samples, padded to whole CTUs.

    InputError if the picture does not begin at a multiple of 4 samples of the coded one.
    """
    left, _, top, _ = picture.sps.window
    if left % CELL or top % CELL:
        raise InputError(f"{info.source}: the picture begins at {left}, {top} of the coded one, not at multiples of 4")
    whole = picture.sps.height // CELL, picture.sps.width // CELL
    units, blocks, transforms = picture.coding_units, picture.prediction_blocks, picture.transform_units
    of_transforms = {
        "transform_unit_size": transforms["size"],
        "cbf": transforms["cbf_y"] + 2 * transforms["cbf_cb"] + 4 * transforms["cbf_cr"],
        "transform_skip": transforms["skip_y"] + 2 * transforms["skip_cb"] + 4 * transforms["skip_cr"],
    }
    decided = {
        **_painted(whole, units, {"coding_unit_size": units["size"], "qp": units["qp"]}),
        **_painted(
            whole,
            blocks,
            {
                "prediction_block_size": blocks["size"],
                "luma_mode": _mode(blocks["luma_mode"]),
                "chroma_mode": _mode(blocks["chroma_mode"]),
            },
        ),
        **_painted(whole, transforms, of_transforms),
    }
    rows, columns = info.height // CELL, info.width // CELL  # of those that are wholly inside
    ctus = ctu.grid(info.height, info.width, info.ctu_size, info.ctu_size)
    maps = {}
    for declared in CODING:
        shape = [count * info.ctu_size // CELL for count in ctus]
        maps[declared.name] = np.full(shape, declared.outside, declared.dtype)
        shown = decided[declared.name][top // CELL :, left // CELL :]
        maps[declared.name][:rows, :columns] = shown[:rows, :columns]
    return maps


def _mode(modes: NDArray) -> NDArray:
    return np.where(modes < 0, PCM_MODE, modes)


def _painted(shape: tuple[int, int], units: NDArray, values: Mapping[str, NDArray]) -> dict[str, NDArray]:
    """Return a map for each of the values of square units: (rows, columns) of 4x4 samples, 0 where there is no unit."""
    maps = {name: np.zeros(shape, np.int16) for name in values}
    for size in np.unique(units["size"]):
        chosen, cells = units["size"] == size, np.arange(size // CELL)
        rows = (units["y"][chosen, None] // CELL + cells)[:, :, None]  # (n, cells, 1)
        columns = (units["x"][chosen, None] // CELL + cells)[:, None]  # (n, 1, cells)
        for name, of_units in values.items():
            maps[name][rows, columns] = of_units[chosen, None, None]
    return maps
