"""Make typical mistakes in the reader and in the filters, and print those that change nothing.

Needs NUMBA_DISABLE_JIT=1: without compilation a function or a table of a module can be replaced. The streams are very
small ones of x265, and random ones.
"""

import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import av
import numpy as np

from codecnn.errors import InputError
from codecnn.hevc import (
    blocks,
    cabac,
    coding_tree,
    coding_unit,
    deblocking,
    edge_filters,
    filter_maps,
    in_loop,
    prediction,
    read,
    residual,
    sample_offset,
    transform,
    transform_tree,
)
from codecnn.hevc.filter_maps import FilterMaps
from codecnn.hevc.scan import HORIZONTAL, VERTICAL
from codecnn.video.picture import Picture
from tests.hevc.random_streams import RandomStream
from tests.hevc.streams import decode, decode_unfiltered, encode, pictures

COMMON = "ctu=16:min-cu-size=8:wpp=0:pools=none:ipratio=1"
STREAMS = {
    "plain": ("slow", "qp=17", 8),
    "varying QP": ("fast", "crf=36:aq-mode=2:aq-strength=3:qg-size=8", 8),
    "large blocks": ("fast", "qp=30", 8),
    "10 bit, skip": ("slow", "qp=20:tskip=1", 10),
}


@cache
def stream(name: str | int) -> tuple[bytes, list[Picture], list[Picture]]:
    """A stream of x265, or a random one by its seed, and what libavcodec makes of it without and with filters."""
    if isinstance(name, int):
        packets = [av.Packet(RandomStream(name).stream())]
    else:
        preset, parameters, bit_depth = STREAMS[name]
        content = [picture.crop(48, 32) for picture in pictures(128, 128, bit_depth)[1:]]
        packets = encode(content, preset, f"{parameters}:{COMMON}")
    return b"".join(bytes(packet) for packet in packets), decode_unfiltered(packets), decode(packets)


def is_wrong(name: str | int) -> bool:
    data, unfiltered, baseline = stream(name)
    try:
        found = [(picture.unfiltered, picture.baseline) for picture in read(data)]
    except (InputError, IndexError):
        return True
    return any(
        (a != b).any()
        for ours, theirs in zip(found, zip(unfiltered, baseline, strict=True), strict=True)
        for one, other in zip(ours, theirs, strict=True)
        for a, b in zip(one.planes, other.planes, strict=True)
    )


def other_scan(f: Callable[..., int]) -> Callable[..., int]:
    return lambda *args: {VERTICAL: HORIZONTAL, HORIZONTAL: VERTICAL}.get(f(*args), f(*args))


def without_sign_hiding(f: Callable[..., int]) -> Callable[..., int]:
    return lambda *args: f(*args[:-1], False)


def whole_unit_available(f: Callable[..., bool]) -> Callable[..., bool]:
    def available(state: Any, arrays: Any, x: int, y: int) -> bool:  # noqa: ANN401
        inside = 0 <= x < state["width"] and 0 <= y < state["height"]
        return inside and bool(arrays.grid[y >> 2, x >> 2]["parsed_region"] == state["region"])

    return available


def last_qp_only(f: Callable[..., None]) -> Callable[..., None]:
    def predict_qp(state: Any, *_: object) -> None:  # noqa: ANN401
        state["predicted_qp"] = state["qp"] = state["previous_qp"]

    return predict_qp


def without(field: str) -> Callable[[Callable[..., np.ndarray]], Callable[..., np.ndarray]]:
    """A field of the slice headers is always 0."""
    return lambda f: lambda maps, name: f(maps, name) * (name != field)


def filters_all(f: Callable[..., FilterMaps]) -> Callable[..., FilterMaps]:
    def make_maps(*args: object) -> FilterMaps:
        maps = f(*args)
        maps.kept[:] = False
        return maps

    return make_maps


def changed(place: int, value: int) -> Callable[[np.ndarray], np.ndarray]:
    def change(table: np.ndarray) -> np.ndarray:
        table = table.copy()
        table[place] = value
        return table

    return change


# The stream, and what is replaced where by what; the last is a function of what stands there.
MISTAKES: list[tuple[str | int, ModuleType | type, str, Callable[[Any], Any]]] = [
    ("plain", cabac, "AFTER_LPS", changed(0, 0)),
    ("plain", residual, "_IN_4X4", changed(5, 2)),
    ("plain", residual, "_BY_NEIGHBOURS", lambda table: table[[0, 2, 1, 3]]),
    ("plain", residual, "CHROMA_SIGNIFICANT", lambda first: first - 1),
    ("plain", residual, "MAX_GREATER_1", lambda most: most - 1),
    ("plain", residual, "scan_index", other_scan),
    ("large blocks", residual, "scan_index", lambda f: lambda mode, bits, component: f(mode, bits, 0)),
    ("plain", residual, "_parse_levels", without_sign_hiding),
    ("plain", coding_tree, "is_parsed", lambda f: lambda *args: False),
    ("plain", coding_tree, "has_chroma_blocks", lambda f: lambda state, x, y, bits: bits > 2 or not (x | y) & 4),
    ("plain", coding_unit, "is_parsed", lambda f: lambda *args: False),
    ("plain", coding_unit, "MPMS", lambda table: table.swapaxes(0, 1)),
    ("plain", coding_unit, "CHROMA_MODES", lambda modes: modes[::-1]),
    ("large blocks", coding_unit, "REPLACEMENT", lambda mode: 2),
    ("plain", transform_tree, "CBF_LUMA", lambda first: first - 1),
    ("plain", prediction, "_is_decoded", whole_unit_available),
    ("plain", prediction, "SMOOTHS", np.zeros_like),
    ("plain", prediction, "FILTERS_EDGES", np.zeros_like),
    ("plain", transform, "SINE", lambda index: 0),
    ("plain", transform, "LEVEL_SCALE", changed(5, 71)),
    ("plain", transform, "FIRST_SHIFT", lambda shift: 6),
    ("varying QP", coding_tree, "_predict_qp", last_qp_only),
    ("varying QP", blocks, "CHROMA_QP", lambda table: table - 1),
    ("varying QP", transform_tree, "QP_DELTA", lambda first: first - 2),
    ("10 bit, skip", transform, "SECOND_SHIFT", lambda shift: 18),
    ("10 bit, skip", transform, "FIRST_SHIFT", lambda shift: 6),
    ("10 bit, skip", residual, "TRANSFORM_SKIP", lambda first: first + 1),
    ("varying QP", deblocking, "STRENGTH", lambda strength: 1),
    ("varying QP", deblocking, "average_qp", lambda f: lambda one, other: (one + other) >> 1),
    ("varying QP", deblocking, "average_qp", lambda f: lambda one, other: one),
    ("varying QP", deblocking, "chroma_qp", lambda f: lambda index: index),
    ("10 bit, skip", deblocking, "_tc", lambda f: lambda qp, offset, depth: f(qp, offset, 8)),
    ("large blocks", edge_filters, "_is_flat", lambda f: lambda *args: False),
    ("large blocks", edge_filters, "EDGE_SPACING", lambda spacing: 4),
    (12, filter_maps.FilterMaps, "are_joined", lambda f: lambda maps, down, across: f(maps, 0, 0)),
    (12, filter_maps.FilterMaps, "by_ctu", without("tc_offset")),
    (13, filter_maps.FilterMaps, "by_ctu", without("beta_offset")),
    (1, filter_maps.FilterMaps, "by_ctu", without("deblocking_disabled")),
    (12, in_loop, "make_maps", filters_all),
    (12, in_loop, "deblock", lambda f: lambda planes, maps: None),
    (12, sample_offset, "_ctu_of", lambda f: lambda place, first, end: 1),
    (12, sample_offset, "NEIGHBOUR", lambda steps: steps[[1, 0, 2, 3]]),
    (12, sample_offset, "NEIGHBOUR", lambda steps: steps[[0, 1, 3, 2]]),
    (12, sample_offset, "_offset_bands", lambda f: lambda a, b, area, first, *rest: f(a, b, area, first + 1, *rest)),
    (12, sample_offset, "BAND_BITS", lambda bits: 4),
]


def main() -> int:
    for name in {mistake[0]: None for mistake in MISTAKES}:
        if is_wrong(name):
            print(f"{name}: wrong without a mistake")
    for number, (name, module, attribute, mistake) in enumerate(MISTAKES):
        right = getattr(module, attribute)
        setattr(module, attribute, mistake(right))
        if not is_wrong(name):
            print(f"{number} {name} {module.__name__}.{attribute}: not found")
        setattr(module, attribute, right)
    return 0


if __name__ == "__main__":
    sys.exit(main())
