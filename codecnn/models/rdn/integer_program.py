"""Arrange a network of integer convolutions for the kernel that computes it row by row."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecnn.models.rdn.integer_conv import LIMIT, IntegerConv
from codecnn.models.rdn.integer_rows import CONV, EDGE, LINE, TAP, TENSOR, compute
from codecnn.models.rdn.integer_tile import SHAPES
from codecnn.vectors import LANES

INPUT = "planes"
_POSITIONS = {len(shape): len(shape[0]) * LANES for shape in SHAPES}  # of a tile, by its outputs


class Layer(NamedTuple):
    """Describe a convolution in a network, whose output has the height and width of the picture; sides are odd."""

    conv: IntegerConv
    sources: Sequence[str]  # names of layers before it, or INPUT; their outputs, joined, are the input
    relu: bool = False
    border: int = 0  # how far around the picture its output is computed, at most 1; beyond this it is 0

    @property
    def half(self) -> int:
        """Return how far from a position it reads."""
        side: int = self.conv.weight.shape[2]
        return side // 2


class Program:
    """Compute rows of what the last layer of a network makes of a picture."""

    def __init__(self, layers: Mapping[str, Layer], inputs: int) -> None:
        """Arrange all layers, in order, for an input of some channels, which the first layer reads and no other."""
        channels = {INPUT: inputs} | {name: len(layer.conv.bias) for name, layer in layers.items()}
        numbers = {name: number for number, name in enumerate(channels)}
        ahead = _rows_ahead(layers)
        tensors, convs = [(_rows_kept(INPUT, layers, ahead), _pairs(inputs), 0, 0)], []
        lines: list[tuple[int, int]] = []
        taps: list[tuple[int, int, int]] = []
        weights, starts, shifts = (np.empty(0, np.int32) for _ in range(3))
        for name, (conv, sources, relu, border) in layers.items():
            counts, half = [channels[source] for source in sources], layers[name].half
            tile = min(_POSITIONS, key=lambda outputs: (-(-channels[name] // outputs) * outputs, -outputs))
            parts, more, offsets = -(-channels[name] // tile), -channels[name] % tile, range(-half, half + 1)
            firsts = len(lines), len(taps), len(weights), len(starts)
            lines += [(numbers[source], down) for source in sources for down in offsets]
            taps += [
                (source * len(offsets) + line, pair, across)
                for source, count in enumerate(counts)
                for pair, line, across in product(range(_pairs(count)), range(len(offsets)), offsets)
            ]
            own = numbers[name], border, 0 if relu else -LIMIT, ahead[name]
            convs.append((*own, tile, parts, len(lines) - firsts[0], len(taps) - firsts[1], *firsts))
            tensors.append((_rows_kept(name, layers, ahead), tile * parts // 2, 0, 0))
            shift = conv.shift.astype(np.int32)
            weights = np.append(weights, _in_tiles(conv.weight, counts, tile))
            starts = np.append(starts, np.pad(conv.bias + ((1 << shift) >> 1), (0, more)))
            shifts = np.append(shifts, np.pad(shift, (0, more)))
        first = layers[next(iter(layers))]
        self.ahead, self.border, self.outputs = ahead[INPUT], first.border + first.half, channels[[*layers][-1]]
        self._arrays = np.array(convs, CONV), np.array(lines, LINE), np.array(taps, TAP), weights, starts, shifts
        self._tensors = np.array(tensors, TENSOR)

    def run(self, picture: NDArray[np.int16], first: int, last: int) -> NDArray[np.int16]:
        """Return the rows from `first` up to `last` of the output, (outputs, rows, W).

        picture: (inputs, H + 2 border, W + 2 border).
        """
        height, width = (extent - 2 * self.border for extent in picture.shape[1:])
        low, high = max(first - self.ahead, -self.border), min(last + self.ahead, height + self.border)
        tensors, convs = self._tensors.copy(), self._arrays[0]
        for tensor, begin, end in ((0, low, high), (-1, first, last)):
            tensors[tensor]["rows"], tensors[tensor]["origin"] = end - begin, -begin
        steps = [_POSITIONS[outputs] for outputs in convs["outputs"].tolist()]
        wide = width + 2 * convs["border"]
        columns = 2 * EDGE + int((wide + -wide % steps).max())
        sizes = tensors["rows"] * tensors["pairs"] * columns
        tensors["start"] = np.cumsum(sizes) - sizes
        memory = _aligned_zeros(int(sizes.sum()))
        inputs, *_, outputs = np.split(memory.view(np.int16), 2 * np.cumsum(sizes)[:-1])
        inputs = inputs.reshape(high - low, -1, columns, 2)
        for channel, plane in enumerate(picture[:, low + self.border : high + self.border]):
            inputs[:, channel // 2, EDGE - self.border : EDGE + width + self.border, channel % 2] = plane
        compute(*self._arrays, tensors, memory, (height, width, columns), first, last)
        rows = outputs.reshape(last - first, -1, columns, 2)[:, :, EDGE : EDGE + width]
        return rows.transpose(1, 3, 0, 2).reshape(-1, last - first, width)[: self.outputs]


def _rows_ahead(layers: Mapping[str, Layer]) -> dict[str, int]:
    """Return how many rows ahead of the output each tensor is computed, so that rows are there when they are read."""
    ahead = dict.fromkeys((INPUT, *layers), 0)
    for name, layer in reversed([*layers.items()]):
        for source in layer.sources:
            ahead[source] = max(ahead[source], ahead[name] + layer.half)
    return ahead


def _rows_kept(name: str, layers: Mapping[str, Layer], ahead: Mapping[str, int]) -> int:
    """Return how many rows of a tensor are kept: up to the last one that a layer still reads."""
    readers = [reader for reader, layer in layers.items() if name in layer.sources]
    return max((ahead[name] - ahead[reader] + layers[reader].half + 1 for reader in readers), default=1)


def _pairs(channels: int) -> int:
    return -(-channels // 2)


def _in_tiles(weight: NDArray[np.int16], counts: Sequence[int], outputs: int) -> NDArray[np.int32]:
    """Return weights (O, I, k, k) as the kernel reads them: for each tile and tap, a pair of weights for each output.

    counts: the channels of each source. Outputs are filled up to whole tiles, channels of each source to whole pairs.
    """
    side, more = weight.shape[2], -len(weight) % outputs
    sources = np.split(weight, np.cumsum(counts)[:-1], axis=1)
    filled = [np.pad(source, ((0, more), (0, source.shape[1] % 2), (0, 0), (0, 0))) for source in sources]
    pairs = np.concatenate(filled, 1).reshape(-1, outputs, sum(map(_pairs, counts)), 2, side, side)
    return np.ascontiguousarray(pairs.transpose(0, 2, 4, 5, 1, 3)).view(np.int32).ravel()


def _aligned_zeros(count: int) -> NDArray[np.int32]:
    """Return numbers that begin where a vector of LANES does, so that loads do not cross cache lines."""
    zeros = np.zeros(count + LANES, np.int32)
    return zeros[-(zeros.ctypes.data // zeros.itemsize) % LANES :][:count]
