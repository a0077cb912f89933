"""Predict blocks from decoded samples (H.265 8.4.4.2), as `codecnn.intra.hevc` does in numpy, for the compiled reader.

A border is the 4 * size + 1 samples around a block from the bottom left end up to the corner, and on to the top right
end.
"""

import numpy as np

from codecnn.hevc.compiled import compiled, wide
from codecnn.hevc.state import Arrays
from codecnn.intra import hevc
from codecnn.intra.hevc import DC, DIAGONAL, MODES, PLANAR

SIZES = (4, 8, 16, 32)
# By mode, and by log2 of the size - 2.
SMOOTHS = np.array([[hevc.smooths_references(mode, size) for size in SIZES] for mode in range(MODES)])
FILTERS_EDGES = np.array([hevc.filters_edges(size) for size in SIZES])
ANGLES = np.array([0, 0, *(hevc.angle(mode) for mode in range(2, MODES))])
INVERSE_ANGLES = np.array([0, 0, *(hevc.inverse_angle(mode) for mode in range(2, MODES))])
ORIGIN = 32  # of the line of references of an angular mode: where the corner is


@compiled
def predict(state: np.void, arrays: Arrays, component: int, x: int, y: int, size_bits: int, mode: int) -> None:
    """Predict the block at (x, y), in samples of its component, into `arrays.prediction`."""
    gather_border(state, arrays, component, x, y, 1 << size_bits)
    predict_from_border(state, arrays, component, x, y, size_bits, mode)


@compiled
def predict_from_border(
    state: np.void, arrays: Arrays, component: int, x: int, y: int, size_bits: int, mode: int
) -> None:
    """Predict a block whose border is in the state."""
    size, plane, border = 1 << size_bits, arrays.prediction[component], state["border"]
    if component == 0 and SMOOTHS[mode, size_bits - 2]:
        _smooth(state, size)
        border = state["smoothed"]
    edges = component == 0 and FILTERS_EDGES[size_bits - 2]
    if mode == PLANAR:
        _planar(border, plane, x, y, size_bits)
    elif mode == DC:
        _dc(border, plane, x, y, size_bits, edges)
    else:
        _angular(state, border, plane, x, y, size, mode)
        if edges and ANGLES[mode] == 0:
            _filter_edge(border, plane, x, y, size, mode, (1 << state["bit_depth"][0]) - 1)


@compiled
def gather_border(state: np.void, arrays: Arrays, component: int, x: int, y: int, size: int) -> None:
    """Collect the border; samples that are not decoded, or of another slice or tile, repeat the one before them.

    Those at the beginning take the first that is there (8.4.4.2.2).
    """
    plane, border = arrays.samples[component], state["border"]
    down = min(component, 1)  # log2 of luma samples for a sample of the component
    unit = 4 >> down
    filled, length = 0, 2 * size
    column = (x << down) - 1
    for start in range(0, length, unit):  # of the left column, from below
        bottom = y + length - start - 1
        if _is_decoded(state, arrays, column, bottom << down):
            for step in range(unit):
                border[start + step] = plane[bottom - step, x - 1]
            if filled == 0:
                border[:start] = border[start]
            filled = start + unit
        elif filled:
            border[start : start + unit] = border[start - 1]
            filled = start + unit
    row = (y << down) - 1
    if _is_decoded(state, arrays, column, row):
        border[length] = plane[y - 1, x - 1]
        if filled == 0:
            border[:length] = border[length]
        filled = length + 1
    elif filled:
        border[length] = border[length - 1]
        filled = length + 1
    for step in range(0, length, unit):
        start = length + 1 + step
        if _is_decoded(state, arrays, (x + step) << down, row):
            for other in range(unit):
                border[start + other] = plane[y - 1, x + step + other]
            if filled == 0:
                border[:start] = border[start]
            filled = start + unit
        elif filled:
            border[start : start + unit] = border[start - 1]
            filled = start + unit
    if filled == 0:
        border[: 2 * length + 1] = 1 << (state["bit_depth"][down] - 1)


@compiled
def _is_decoded(state: np.void, arrays: Arrays, x: int, y: int) -> bool:
    """Tell whether the luma sample is reconstructed, and in the slice and tile of the current CTU (6.4.1)."""
    if x < 0 or y < 0 or x >= state["width"] or y >= state["height"]:
        return False
    return arrays.grid[y >> 2, x >> 2]["region"] == state["region"]


@compiled
def _smooth(state: np.void, size: int) -> None:
    """Smooth the border into `smoothed` (8.4.4.2.3)."""
    border, smoothed = state["border"], state["smoothed"]
    end = 4 * size
    smoothed[0], smoothed[end] = border[0], border[end]
    if state["strong_smoothing"] and size == 32:
        limit = 1 << (state["bit_depth"][0] - 5)
        first, corner, last = wide(border[0]), wide(border[64]), wide(border[128])
        if abs(corner + first - 2 * border[32]) < limit and abs(corner + last - 2 * border[96]) < limit:
            for step in range(64):
                smoothed[step] = ((64 - step) * first + step * corner + 32) >> 6
                smoothed[64 + step] = ((64 - step) * corner + step * last + 32) >> 6
            return
    for place in range(1, end):
        smoothed[place] = (border[place - 1] + 2 * border[place] + border[place + 1] + 2) >> 2


@compiled
def _planar(border: np.ndarray, plane: np.ndarray, x: int, y: int, size_bits: int) -> None:
    size = 1 << size_bits
    corner = 2 * size
    right, bottom = wide(border[corner + size + 1]), wide(border[corner - size - 1])
    for j in range(size):
        beside = wide(border[corner - 1 - j])
        for i in range(size):
            across = (size - 1 - i) * beside + (i + 1) * right
            down = (size - 1 - j) * border[corner + 1 + i] + (j + 1) * bottom
            plane[y + j, x + i] = (across + down + size) >> (size_bits + 1)


@compiled
def _dc(border: np.ndarray, plane: np.ndarray, x: int, y: int, size_bits: int, edges: bool) -> None:
    size = 1 << size_bits
    corner = 2 * size
    total = size
    for step in range(1, size + 1):
        total += border[corner - step] + border[corner + step]
    mean = total >> (size_bits + 1)
    plane[y : y + size, x : x + size] = mean
    if edges:
        for step in range(1, size):
            plane[y, x + step] = (border[corner + 1 + step] + 3 * mean + 2) >> 2
            plane[y + step, x] = (border[corner - 1 - step] + 3 * mean + 2) >> 2
        plane[y, x] = (border[corner - 1] + 2 * mean + border[corner + 1] + 2) >> 2


@compiled
def _angular(state: np.void, border: np.ndarray, plane: np.ndarray, x: int, y: int, size: int, mode: int) -> None:
    """Predict along a direction; a horizontal mode predicts the transposed block from the left column."""
    line, angle = state["line"], ANGLES[mode]
    corner, vertical = 2 * size, mode >= DIAGONAL
    step = 1 if vertical else -1  # along the side that the mode predicts from
    for place in range(2 * size + 1):
        line[ORIGIN + place] = border[corner + step * place]
    for place in range(1, ((-angle * size) >> 5) + 1):  # the other side, projected along the direction
        line[ORIGIN - place] = border[corner - step * ((place * -INVERSE_ANGLES[mode] + 128) >> 8)]
    for j in range(size):
        shift = (j + 1) * angle
        first, fraction = ORIGIN + 1 + (shift >> 5), shift & 31
        for i in range(size):
            near, far = wide(line[first + i]), wide(line[first + i + 1])
            value = ((32 - fraction) * near + fraction * far + 16) >> 5
            if vertical:
                plane[y + j, x + i] = value
            else:
                plane[y + i, x + j] = value


@compiled
def _filter_edge(border: np.ndarray, plane: np.ndarray, x: int, y: int, size: int, mode: int, peak: int) -> None:
    """Add half the gradient of the other side to the first column of the vertical, or row of the horizontal mode."""
    corner, vertical = 2 * size, mode >= DIAGONAL
    step = -1 if vertical else 1
    for place in range(size):
        gradient = (wide(border[corner + step * (place + 1)]) - wide(border[corner])) >> 1
        if vertical:
            plane[y + place, x] = min(max(plane[y + place, x] + gradient, 0), peak)
        else:
            plane[y, x + place] = min(max(plane[y, x + place] + gradient, 0), peak)
