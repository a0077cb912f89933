"""Make typical mistakes in the reader, and print those that change nothing; needs NUMBA_DISABLE_JIT=1.

Without compilation a function or a table of a module can be replaced. The streams are very small ones of x265.
"""

import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from codecnn.errors import InputError
from codecnn.hevc import blocks, cabac, coding_tree, coding_unit, prediction, read, residual, transform, transform_tree
from codecnn.hevc.scan import HORIZONTAL, VERTICAL
from codecnn.video.picture import Picture
from tests.hevc.streams import decode_unfiltered, encode, pictures

COMMON = "ctu=16:min-cu-size=8:wpp=0:pools=none:ipratio=1"
STREAMS = {
    "plain": ("slow", "qp=17", 8),
    "varying QP": ("fast", "crf=36:aq-mode=2:aq-strength=3:qg-size=8", 8),
    "large blocks": ("fast", "qp=30", 8),
    "10 bit, skip": ("slow", "qp=20:tskip=1", 10),
}


@cache
def stream(name: str) -> tuple[bytes, list[Picture]]:
    """A stream, and what libavcodec makes of it."""
    preset, parameters, bit_depth = STREAMS[name]
    content = [picture.crop(48, 32) for picture in pictures(128, 128, bit_depth)[1:]]
    packets = encode(content, preset, f"{parameters}:{COMMON}")
    return b"".join(bytes(packet) for packet in packets), decode_unfiltered(packets)


def is_wrong(name: str) -> bool:
    data, expected = stream(name)
    try:
        found = [picture.unfiltered for picture in read(data)]
    except (InputError, IndexError):
        return True
    pairs = zip(found, expected, strict=True)
    return any((a != b).any() for one, other in pairs for a, b in zip(one.planes, other.planes, strict=True))


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


def changed(place: int, value: int) -> Callable[[np.ndarray], np.ndarray]:
    def change(table: np.ndarray) -> np.ndarray:
        table = table.copy()
        table[place] = value
        return table

    return change


# The stream, and what is replaced where by what; the last is a function of what stands there.
MISTAKES: list[tuple[str, ModuleType, str, Callable[[Any], Any]]] = [
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
]


def main() -> int:
    for name in STREAMS:
        if is_wrong(name):
            print(f"{name}: wrong without a mistake")
    for number, (name, module, attribute, mistake) in enumerate(MISTAKES):
        right = getattr(module, attribute)
        setattr(module, attribute, mistake(right))
        if not is_wrong(name):
            print(f"{number} {module.__name__}.{attribute}: not found")
        setattr(module, attribute, right)
    return 0


if __name__ == "__main__":
    sys.exit(main())
