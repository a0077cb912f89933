"""Filter by an Rdn in 16-bit integers: the same picture on every machine, with any number of threads."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from codecnn.models.in_loop_filter import Windows
from codecnn.models.rdn.config import HEAD_EATS, RdnConfig
from codecnn.models.rdn.integer_conv import LIMIT, TILE, IntegerConv, Place, convolve
from codecnn.models.rdn.planes import QP_PLANE
from codecnn.vectors import LANES
from codecnn.video.picture import Plane

SAMPLE_BITS = 15  # samples from 0 to 1 are in units of 2^-15
QP_BITS = 13  # the plane of QP / 64, which is below 4, is in units of 2^-13
OUTPUT_BITS = 15  # the output of the last convolution is in units of 2^-15: only values beyond black or white saturate
HALF = 1 << (OUTPUT_BITS - 1)  # added before a shift, to round
HEADROOM = 2  # the largest value of 16 bits is 2 to 4 times the largest feature of the calibration


class Wire(NamedTuple):
    """Describe a convolution of an Rdn: where its input comes from, and its form."""

    sources: tuple[str, ...]  # the names of the convolutions; their outputs, joined, are the input
    outputs: int
    side: int = 3
    relu: bool = False


def wiring(config: RdnConfig) -> dict[str, Wire]:
    """Return the convolutions of an Rdn in order; together they are the whole network.

    Residual connections are part of the weights. A block's input is one source of its `fuse`, so the weights of `fuse`
    contain the inner residual. The shallow features are a source of `last`, so its weights contain the global residual.
    """
    channels = config.channels
    side = {"two 3x3": 3, "one 5x5": 5, "6x6 by 2": 6}[config.head]
    wires = {"shallow": Wire(("planes",), channels, side)}
    if config.head == "two 3x3":
        wires["entry"] = Wire(("shallow",), channels)
    x = [*wires][-1]
    for block in range(config.blocks):
        dense = [x]
        for layer in range(config.convolutions - 1):
            name = f"blocks.{block}.layers.{layer}"
            wires[name] = Wire(tuple(dense), config.growth, relu=True)
            dense.append(name)
        x = f"blocks.{block}.fuse"
        wires[x] = Wire(tuple(dense), channels, side=1)
    wires["fuse.0"] = Wire(tuple(f"blocks.{block}.fuse" for block in range(config.blocks)), channels, side=1)
    wires["fuse.1"] = Wire(("fuse.0",), channels)
    wires["last"] = Wire(("fuse.1", "shallow") if config.global_residual else ("fuse.1",), config.stride**2)
    return wires


def channels_of(config: RdnConfig) -> dict[str, int]:
    """Return the number of channels of every tensor: the input, named "planes", and the output of each convolution."""
    return {"planes": config.planes} | {name: wire.outputs for name, wire in wiring(config).items()}


class IntegerRdn:
    """Filter windows as an Rdn does, with an IntegerConv for each name of its wiring.

    ValueError if a convolution is missing or not in the wiring, or if shapes do not fit together.
    """

    headroom = HEADROOM

    def __init__(self, config: RdnConfig, convs: Mapping[str, IntegerConv]) -> None:
        self.config, self.convs, self.wires = config, dict(convs), wiring(config)
        if wrong := self.convs.keys() ^ self.wires.keys():
            raise ValueError(f"{len(wrong)} convolutions are missing or too many, such as {min(wrong)}")
        channels = channels_of(config)
        self._groups: dict[str, range] = {"planes": range(1)}
        places: dict[str, range] = {}
        self._packed, self._count = {}, 0
        for name, wire in self.wires.items():
            sources = [channels[source] for source in wire.sources]
            if (shape := convs[name].weight.shape) != (expected := (wire.outputs, sum(sources), wire.side, wire.side)):
                raise ValueError(f"the weights of {name} are {shape}, not {expected}")
            self._packed[name] = convs[name].pack(sources)
            place = "".join(name.rpartition("layers")[1:])  # equal layers of all blocks share one place
            if place not in places:
                places[place] = range(self._count, self._count + -(-wire.outputs // LANES))
                self._count = places[place].stop
            self._groups[name] = places[place]

    def filter_windows(self, windows: Windows[Plane]) -> Plane:
        """Return the filtered luma of windows: (B, H, W), 0 to 2^bit_depth - 1, in the type of the windows.

        It runs on as many threads as PyTorch uses.
        """
        margin, (count, high, wide) = self.config.margin, windows.y.shape
        y = windows.y[:, margin : high - margin, margin : wide - margin]
        filtered = np.empty_like(y)
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            for number in range(count):
                cut, peak = margin - HEAD_EATS, int(windows.peak[number])
                planes = integer_planes(self.config, windows.rows(slice(number, number + 1)))
                residual = self._residual(planes, pool)[cut:, cut:]
                luma = (residual[: y.shape[1], : y.shape[2]].astype(np.int64) * peak + HALF) >> OUTPUT_BITS
                filtered[number] = np.clip(luma + y[number] if self.config.residual_output else luma, 0, peak)
        return filtered

    def _residual(self, planes: NDArray[np.int16], pool: ThreadPoolExecutor) -> NDArray[np.int16]:
        """Return the output of `last` for planes (H, W, P): (H - 4, W - 4); with "6x6 by 2", odd sizes get one more."""
        step = self.config.stride
        planes = np.pad(planes, ((0, planes.shape[0] % step), (0, planes.shape[1] % step), (0, 0)), mode="edge")
        height, width = ((extent - 2 * HEAD_EATS) // step for extent in planes.shape[:2])
        columns = -(-(width + 2) // TILE) * TILE + 2  # as many as `convolve` reads
        wide = np.zeros((1, len(planes), columns * step + 2 * HEAD_EATS, LANES), np.int16)
        wide[0, :, : planes.shape[1], : planes.shape[2]] = planes
        features = np.zeros((self._count, height + 2, columns, LANES), np.int16)  # with a border of zeros
        for name, wire in self.wires.items():
            groups = [group for source in wire.sources for group in self._groups[source]]
            first, conv = self._groups[name].start, self._packed[name]
            if name == "shallow":
                larger = "entry" in self.wires  # `entry` is unpadded, so the border has to be computed as well
                place = Place(first, 1 - larger, height + 2 * larger, width + 2 * larger)
                convolve(wide, groups, 0, conv, features, place, pool, stride=step)
            else:
                place = Place(first, 1, height, width)
                convolve(features, groups, int(wire.side == 1), conv, features, place, pool, relu=wire.relu)
            if name == "entry":
                shallow = features[groups]
                features[groups] = 0
                features[groups, 1:-1, 1 : width + 1] = shallow[:, 1:-1, 1 : width + 1]
        last = features[self._groups["last"].start, 1:-1, 1 : width + 1, : step**2]
        return last.reshape(height, width, step, step).swapaxes(1, 2).reshape(height * step, width * step)


def integer_planes(config: RdnConfig, window: Windows[Plane]) -> NDArray[np.int16]:
    """Return the planes of `make_planes` for one window, (H, W, P), in integers.

    Samples are in units of 2^-SAMPLE_BITS, the QP plane in units of 2^-QP_BITS.
    """
    y, peak, qp = window.y[0], int(window.peak[0]), int(window.qp[0])
    grey = np.full_like(y, (peak + 1) // 2)
    u, v = (plane[0] if plane.size else grey for plane in (window.u, window.v))
    unfiltered = [] if window.unfiltered_y is None else [window.unfiltered_y[0]]
    planes = np.empty((*y.shape, config.planes), np.int16)
    for index, plane in zip((0, 1, 2, 4), (y, u, v, *unfiltered), strict=False):
        units = ((plane.astype(np.int64) << (SAMPLE_BITS + 1)) + peak) // (2 * peak)  # rounded half up
        for axis in (0, 1):
            units = units.repeat(-(-y.shape[axis] // units.shape[axis]), axis)
        planes[..., index] = np.clip(units[: y.shape[0], : y.shape[1]], -LIMIT, LIMIT)
    planes[..., QP_PLANE] = np.clip((qp << QP_BITS) >> 6, -LIMIT, LIMIT)
    return planes
