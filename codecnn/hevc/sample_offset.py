"""Add sample adaptive offsets to a deblocked picture (H.265 8.7.3)."""

import inspect
from collections.abc import Sequence

import numpy as np

from codecnn.hevc import compiled as compiling
from codecnn.hevc import sao
from codecnn.hevc.compiled import compiled, wide
from codecnn.hevc.filter_maps import BLOCK, FilterMaps
from codecnn.hevc.sao import BAND, EDGE
from codecnn.labels.numba_engine.cache import compile_cached

# Rows down and columns across to the second of the two neighbours, by class (table 8-13); the first one is opposite.
NEIGHBOUR = np.array([[0, 1], [1, 0], [1, 1], [1, -1]])
BAND_BITS = 5  # log2 of the number of bands
BANDS = 4  # those that have an offset


def add_offsets(planes: Sequence[np.ndarray], maps: FilterMaps, ctus: np.ndarray) -> list[np.ndarray]:
    """Return the planes with the offsets of their CTUs added.

    planes: contiguous (height, width) int16, deblocked. ctus: CTU, with the SAO parameters by raster address.
    """
    sps = maps.slices[0].sps
    shape = maps.slice.shape
    joined = np.array([[maps.are_joined(down, across) for across in (-1, 0, 1)] for down in (-1, 0, 1)])
    joined = np.ascontiguousarray(joined.transpose(2, 3, 0, 1))
    offset = []
    for component, plane in enumerate(planes):
        down = min(component, 1)
        types = ctus["sao_type"][:, component].reshape(shape) * maps.by_ctu(("sao_luma", "sao_chroma")[down])
        parameters = [types, *(ctus[name][:, component].reshape(shape) for name in ("sao_class", "sao_band"))]
        offsets = ctus["sao_offset"][:, component].reshape(*shape, BANDS)
        depth = sps.chroma_depth if component else sps.luma_depth
        changed = plane.copy()
        offset_plane(
            plane, changed, (1 << sps.ctb_bits) >> down, *(field.astype(np.int64) for field in (*parameters, offsets)),
            joined, depth,
        )  # fmt: skip
        if maps.kept.any():
            side = BLOCK >> down
            kept = np.repeat(np.repeat(maps.kept, side, 0), side, 1)
            changed[kept] = plane[kept]
        offset.append(changed)
    return offset


def _offset_plane(
    source: np.ndarray,
    target: np.ndarray,
    side: int,
    types: np.ndarray,
    classes: np.ndarray,
    bands: np.ndarray,
    offsets: np.ndarray,
    joined: np.ndarray,
    depth: int,
) -> None:
    """Write the samples that change into `target`.

    side: of a CTU in samples of the component. types, classes, bands: (rows, columns) of CTUs. offsets: and the four of
    each. joined: and whether the 3x3 CTUs around each, itself in the middle, may be used.
    """
    for row in range(types.shape[0]):
        for column in range(types.shape[1]):
            area = (
                row * side, min((row + 1) * side, source.shape[0]), column * side,
                min((column + 1) * side, source.shape[1]),
            )  # fmt: skip
            own = offsets[row, column]
            if types[row, column] == BAND:
                _offset_bands(source, target, area, bands[row, column], own, depth)
            elif types[row, column] == EDGE:
                _offset_edges(source, target, area, classes[row, column], own, joined[row, column], depth)


@compiled
def _offset_bands(
    source: np.ndarray, target: np.ndarray, area: tuple[int, int, int, int], first: int, offsets: np.ndarray, depth: int
) -> None:
    """Add the offsets to the samples of four bands of values; the last band is followed by the first (8.7.3.2)."""
    top, bottom, left, right = area
    shift, peak = depth - BAND_BITS, (1 << depth) - 1
    for y in range(top, bottom):
        for x in range(left, right):
            sample = wide(source[y, x])
            band = ((sample >> shift) - first) & ((1 << BAND_BITS) - 1)
            if band < BANDS:
                target[y, x] = min(max(sample + offsets[band], 0), peak)


@compiled
def _offset_edges(
    source: np.ndarray,
    target: np.ndarray,
    area: tuple[int, int, int, int],
    direction: int,
    offsets: np.ndarray,
    joined: np.ndarray,
    depth: int,
) -> None:
    """Add the offsets by how a sample lies to its two neighbours in one direction (8.7.3.2)."""
    top, bottom, left, right = area
    peak = (1 << depth) - 1
    down, across = NEIGHBOUR[direction, 0], NEIGHBOUR[direction, 1]
    for y in range(top, bottom):
        before, after = _ctu_of(y - down, top, bottom), _ctu_of(y + down, top, bottom)
        for x in range(left, right):
            if not (
                joined[before, _ctu_of(x - across, left, right)] and joined[after, _ctu_of(x + across, left, right)]
            ):
                continue
            sample = wide(source[y, x])
            one, other = wide(source[y - down, x - across]), wide(source[y + down, x + across])
            lies = np.sign(sample - one) + np.sign(sample - other)
            if lies < 0:  # a valley, or the foot of a slope
                target[y, x] = min(max(sample + offsets[lies + 2], 0), peak)
            elif lies > 0:
                target[y, x] = min(max(sample + offsets[lies + 1], 0), peak)


@compiled
def _ctu_of(place: int, first: int, end: int) -> int:
    """Return 0, 1 or 2: a place is in the CTU before, in this one, or in the one after it."""
    return wide(place >= first) + wide(place >= end)


_SOURCES = "".join(map(inspect.getsource, (compiling, sao)))
offset_plane = compile_cached(_offset_plane, _SOURCES, error_model="numpy")
