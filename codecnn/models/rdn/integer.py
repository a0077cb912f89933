"""Filter by an Rdn in 16-bit integers: the same picture on every machine, with any number of threads."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from codecnn.models.in_loop_filter import Windows
from codecnn.models.rdn.config import HEAD_EATS, RdnConfig
from codecnn.models.rdn.integer_conv import LIMIT, IntegerConv
from codecnn.models.rdn.integer_program import Layer, Program
from codecnn.models.rdn.planes import QP_PLANE
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
    Raises ValueError for several residuals, and for attention and modulation, whose weights are not known before the
    picture or its QP is.
    """
    if config.residuals > 1:
        raise ValueError(f"a network of {config.residuals} residuals has no form in integers")
    if config.attention or config.modulation:
        raise ValueError("a network with attention or modulation has no form in integers")
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
        self.config, self.convs = config, dict(convs)
        wires, channels = wiring(config), channels_of(config)
        if wrong := self.convs.keys() ^ wires.keys():
            raise ValueError(f"{len(wrong)} convolutions are missing or too many, such as {min(wrong)}")
        for name, wire in wires.items():
            expected = wire.outputs, sum(channels[source] for source in wire.sources), wire.side, wire.side
            if (shape := convs[name].weight.shape) != expected:
                raise ValueError(f"the weights of {name} are {shape}, not {expected}")
        self._program = Program(_layers(config, self.convs), config.planes * config.stride**2)

    def filter_windows(self, windows: Windows[Plane]) -> Plane:
        """Return the filtered luma of windows: (B, H, W), 0 to 2^bit_depth - 1, in the type of the windows.

        It runs on as many threads as PyTorch uses. They share the windows; each can be cut into bands of rows.
        """
        margin, stride, (count, high, wide) = self.config.margin, self.config.stride, windows.y.shape
        inner, cut = np.s_[:, margin : high - margin, margin : wide - margin], margin - HEAD_EATS
        y, filtered = windows.y[inner], np.empty_like(windows.y[inner])
        height, width = y.shape[1:]
        threads, rows = torch.get_num_threads(), -(-height // stride)

        def rows_of_thread(bands: int) -> int:
            """Return about how many rows a thread computes, with those that its neighbours compute as well."""
            most: int = -(-count * bands // threads) * (-(-rows // bands) + self._program.ahead)
            return most

        bands = min(range(1, threads + 1), key=rows_of_thread)
        edges = sorted({(cut // stride) + rows * band // bands for band in range(bands + 1)})

        def planes_of(number: int) -> NDArray[np.int16]:
            return _phases(integer_planes(self.config, windows.rows(slice(number, number + 1))), stride)

        def filter_band(number: int, first: int, last: int) -> None:
            top, bottom = first * stride - cut, min(last * stride - cut, height)
            residual = self._program.run(planes[number], first, last)  # (stride^2, rows, columns)
            residual = residual.reshape(stride, stride, *residual.shape[1:]).transpose(2, 0, 3, 1)
            residual = residual.reshape((last - first) * stride, -1)[: bottom - top, cut : cut + width]
            peak = int(windows.peak[number])
            luma = (residual.astype(np.int32) * peak + HALF) >> OUTPUT_BITS
            if self.config.residual_output:
                luma += y[number, top:bottom]
            filtered[number, top:bottom] = luma.clip(0, peak)

        with ThreadPoolExecutor(threads) as pool:
            planes = list(pool.map(planes_of, range(count)))
            tasks = [(number, *band) for number in range(count) for band in pairwise(edges)]
            list(pool.map(lambda task: filter_band(*task), tasks))
        return filtered


def _layers(config: RdnConfig, convs: Mapping[str, IntegerConv]) -> dict[str, Layer]:
    """Return the layers of a network; `shallow` has a border for `entry`, which is unpadded, but not for `last`."""
    layers = {}
    for name, wire in wiring(config).items():
        conv, sources, border = convs[name], wire.sources, int(name == "shallow" and "entry" in convs)
        if name == "shallow" and config.stride > 1:
            kernels = _phases(conv.weight.reshape(-1, wire.side, wire.side), config.stride)
            conv = replace(conv, weight=kernels.reshape(wire.outputs, -1, *kernels.shape[1:]))
        if name == "last" and "entry" in convs and "shallow" in sources:
            layers["inner"] = Layer(_identity(config.channels), ("shallow",))
            sources = tuple(source.replace("shallow", "inner") for source in sources)
        layers[name] = Layer(conv, sources, wire.relu, border)
    return layers


def integer_planes(config: RdnConfig, window: Windows[Plane]) -> NDArray[np.int16]:
    """Return the planes of `make_planes` for one window, (P, H, W), in integers.

    Samples are in units of 2^-SAMPLE_BITS, the QP plane in units of 2^-QP_BITS.
    """
    y, peak, qp = window.y[0], int(window.peak[0]), int(window.qp[0])
    units = _units(peak, np.iinfo(y.dtype).max + 1)
    planes = np.empty((config.planes, *y.shape), np.int16)
    for index, plane in zip((0, 1, 2, 4), (window.y, window.u, window.v, window.unfiltered_y), strict=True):
        if plane is None:
            continue
        if not plane.size:
            planes[index] = units[(peak + 1) // 2]
            continue
        converted = units.take(plane[0])
        down, across = (-(-luma // chroma) for luma, chroma in zip(y.shape, converted.shape, strict=True))
        for row, column in product(range(down), range(across)):
            part = planes[index, row::down, column::across]
            part[:] = converted[: part.shape[0], : part.shape[1]]
    planes[QP_PLANE] = np.clip((qp << QP_BITS) >> 6, -LIMIT, LIMIT)
    return planes


@lru_cache(maxsize=8)
def _units(peak: int, count: int) -> NDArray[np.int16]:
    """Return what the samples from 0 to count - 1 are in units of 2^-SAMPLE_BITS, rounded half up."""
    samples = np.arange(count, dtype=np.int64)
    units = ((samples << (SAMPLE_BITS + 1)) + peak) // (2 * peak)
    return units.clip(max=LIMIT).astype(np.int16)


def _phases(planes: NDArray[np.int16], stride: int) -> NDArray[np.int16]:
    """Return the phases of planes (P, H, W): (stride^2 P, H / stride, W / stride); odd sizes get one more sample.

    A convolution of stride 2 with a kernel of 6x6 is one of stride 1 with a kernel of 3x3, phases by phases.
    """
    _, *extents = planes.shape
    planes = np.pad(planes, ((0, 0), *((0, -extent % stride) for extent in extents)), mode="edge")
    phases = [planes[:, row::stride, column::stride] for row, column in product(range(stride), repeat=2)]
    return np.stack(phases, 1).reshape(-1, *phases[0].shape[1:])


def _identity(channels: int) -> IntegerConv:
    weight = np.eye(channels, dtype=np.int16)[:, :, None, None]
    return IntegerConv(weight, np.zeros(channels, np.int32), np.zeros(channels, np.uint8))
