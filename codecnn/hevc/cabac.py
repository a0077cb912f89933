"""Decode bins (H.265 9.3.4.3), and measure how many bits they take.

An interval of the arithmetic code that is r / 512 wide at bit p has taken p - log2(r / 512) bits. What a syntax element
takes is the difference of this between its end and its begin: -log2 of the probability of each of its bins, as the
ranges of the decoder give it.
"""

import numpy as np

from codecnn.hevc.compiled import compiled, wide
from codecnn.hevc.state import BAD_BEGINNING, BAD_END, FINE, TOO_SHORT

FIRST_RANGE, REGISTER = 510, 9  # what a substream begins with, and the bits that are read at once

# rangeTabLps (table 9-52), by pStateIdx and the two bits below the highest bit of the range.
_LPS = """
128 176 208 240 128 167 197 227 128 158 187 216 123 150 178 205 116 142 169 195 111 135 160 185 105 128 152 175
100 122 144 166 95 116 137 158 90 110 130 150 85 104 123 142 81 99 117 135 77 94 111 128 73 89 105 122 69 85 100 116
66 80 95 110 62 76 90 104 59 72 86 99 56 69 81 94 53 65 77 89 51 62 73 85 48 59 69 80 46 56 66 76 43 53 63 72
41 50 59 69 39 48 56 65 37 45 54 62 35 43 51 59 33 41 48 56 32 39 46 53 30 37 43 50 29 35 41 48 27 33 39 45
26 31 37 43 24 30 35 41 23 28 33 39 22 27 32 37 21 26 30 35 20 24 29 33 19 23 27 31 18 22 26 30 17 21 25 28
16 20 23 27 15 19 22 25 14 18 21 24 14 17 20 23 13 16 19 22 12 15 18 21 12 14 17 20 11 14 16 19 11 13 15 18
10 12 15 17 10 12 14 16 9 11 13 15 9 11 12 14 8 10 12 14 8 9 11 13 7 9 11 12 7 9 10 12 7 8 10 11 6 8 9 11
6 7 9 10 6 7 8 9 2 2 2 2
"""
# transIdxLps (table 9-53).
_AFTER_LPS = (
    0, 0, 1, 2, 2, 4, 4, 5, 6, 7, 8, 9, 9, 11, 11, 12, 13, 13, 15, 15, 16, 16, 18, 18, 19, 19, 21, 21, 22, 22, 23, 24,
    24, 25, 26, 26, 27, 27, 28, 29, 29, 30, 30, 30, 31, 32, 32, 33, 33, 33, 34, 34, 35, 35, 35, 36, 36, 36, 37, 37,
    37, 38, 38, 63,
)  # fmt: skip

LPS_RANGE = np.array(_LPS.split(), np.int64).reshape(64, 4)
_STATE, _MPS = np.divmod(np.arange(128), 2)
AFTER_MPS = (2 * np.where(_STATE < 62, _STATE + 1, _STATE) + _MPS).astype(np.uint8)
AFTER_LPS = (2 * np.array(_AFTER_LPS)[_STATE] + np.where(_STATE == 0, 1 - _MPS, _MPS)).astype(np.uint8)
SHIFT = np.array([9] + [9 - number.bit_length() for number in range(1, 512)])  # of a range up to 256..511
LOG2 = np.log2(np.maximum(np.arange(512), 1) / FIRST_RANGE)


@compiled
def read_bits(state: np.void, data: np.ndarray, count: int) -> int:
    """Read the next bits of the data, at most 16, as a number; beyond the end they are 0 and `failure` is set."""
    position = state["position"]
    first = position >> 3
    state["position"] = position + count
    if position + count > state["end"]:
        fail(state, TOO_SHORT)
        return 0
    word = (wide(data[first]) << 16) | (wide(data[first + 1]) << 8) | wide(data[first + 2])
    return (word >> (24 - (position & 7) - count)) & ((1 << count) - 1)


@compiled
def fail(state: np.void, reason: int) -> None:
    """Note why the stream cannot be decoded, unless something else was wrong before."""
    if state["failure"] == FINE:
        state["failure"] = reason


@compiled
def start_substream(state: np.void, data: np.ndarray) -> None:
    """Initialise the arithmetic decoder at the next bit (9.3.2.5)."""
    state["range"] = FIRST_RANGE
    state["offset"] = read_bits(state, data, REGISTER)
    if state["offset"] >= FIRST_RANGE:  # bins would be larger than they can be, and so modes, which index tables
        fail(state, BAD_BEGINNING)
        state["offset"] = 0
    state["charged"] += REGISTER  # these bits are read, but not yet spent


@compiled
def decode_bin(state: np.void, data: np.ndarray, context: int) -> int:
    """Decode a bin with a context variable (9.3.4.3.2)."""
    contexts = state["contexts"]
    variable = wide(contexts[context])
    width = state["range"]
    lps = LPS_RANGE[variable >> 1, (width >> 6) & 3]
    width -= lps
    if state["offset"] < width:
        contexts[context] = AFTER_MPS[variable]
        if width < 256:
            state["offset"] = (state["offset"] << 1) | read_bits(state, data, 1)
            width <<= 1
        state["range"] = width
        return variable & 1
    shift = SHIFT[lps]
    state["offset"] = ((state["offset"] - width) << shift) | read_bits(state, data, shift)
    state["range"] = lps << shift
    contexts[context] = AFTER_LPS[variable]
    return 1 - (variable & 1)


@compiled
def decode_bypass(state: np.void, data: np.ndarray, count: int) -> int:
    """Decode bins without context, at most 16, as a number (9.3.4.3.4)."""
    offset = (state["offset"] << count) | read_bits(state, data, count)
    width = state["range"]
    value = offset // width
    state["offset"] = offset - value * width
    return value


@compiled
def decode_terminate(state: np.void, data: np.ndarray) -> int:
    """Decode a bin before a possible end of the arithmetic code (9.3.4.3.5)."""
    width = state["range"] - 2
    if state["offset"] >= width:
        return 1
    if width < 256:
        state["offset"] = (state["offset"] << 1) | read_bits(state, data, 1)
        width <<= 1
    state["range"] = width
    return 0


@compiled
def end_substream(state: np.void, data: np.ndarray) -> None:
    """Go to the byte after the arithmetic code.

    The last bit that was read is the 1 that ends it (9.3.2.5); zeros follow up to the end of the byte.
    """
    state["position"] -= 1
    if read_bits(state, data, 1) != 1 or read_bits(state, data, -state["position"] & 7) != 0:
        fail(state, BAD_END)
    state["range"] = FIRST_RANGE
    state["charged"] -= REGISTER


@compiled
def charge(state: np.void, kind: int) -> float:
    """Book the bits since the last call under a kind of syntax, and return them."""
    spent = state["position"] - LOG2[state["range"]]
    bits = spent - state["charged"]
    state["bits"][kind] += bits
    state["charged"] = spent
    return bits
