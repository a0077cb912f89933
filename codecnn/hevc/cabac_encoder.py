"""Encode bins, as `codecnn.hevc.cabac` decodes them (H.265 9.3.5, the encoding process)."""

import numpy as np

from codecnn.hevc.cabac import AFTER_LPS, AFTER_MPS, FIRST_RANGE, LPS_RANGE, fail
from codecnn.hevc.compiled import compiled, wide
from codecnn.hevc.state import TOO_SHORT

# What a bin takes, by 2 * pStateIdx, and 1 more for the less probable symbol. Its probability falls from 1/2 to 0.01875
# over the states (9.3.4.2.2 of the standard has the ranges that follow from it).
_LESS_PROBABLE = 0.5 * (0.01875 / 0.5) ** (np.arange(64) / 63)
BITS = -np.log2(np.stack([1 - _LESS_PROBABLE, _LESS_PROBABLE], 1)).ravel()


@compiled
def put_bits(state: np.void, data: np.ndarray, value: int, count: int) -> None:
    """Write bits of a number; beyond the end of the data nothing is written, and `failure` is set."""
    if state["position"] + count > state["end"]:
        fail(state, TOO_SHORT)
        return
    for shift in range(count - 1, -1, -1):
        position = state["position"]
        if (value >> shift) & 1:
            data[position >> 3] |= np.uint8(128 >> (position & 7))
        state["position"] = position + 1


@compiled
def start_encoder(state: np.void) -> None:
    """Initialise the arithmetic encoder."""
    state["range"] = FIRST_RANGE
    state["low"] = state["outstanding"] = 0
    state["drops_bit"] = 1


@compiled
def _put_bit(state: np.void, data: np.ndarray, bit: int) -> None:
    """Write a bit that is decided, and the bits that waited for it."""
    if state["drops_bit"]:
        state["drops_bit"] = 0
    else:
        put_bits(state, data, bit, 1)
    while state["outstanding"] > 0:
        put_bits(state, data, 1 - bit, 1)
        state["outstanding"] -= 1


@compiled
def _shift_out(state: np.void, data: np.ndarray) -> None:
    """Decide on the highest bit of `low`, as far as it can be."""
    if state["low"] < 256:
        _put_bit(state, data, 0)
    elif state["low"] >= 512:
        state["low"] -= 512
        _put_bit(state, data, 1)
    else:
        state["low"] -= 256
        state["outstanding"] += 1


@compiled
def _renormalise(state: np.void, data: np.ndarray) -> None:
    while state["range"] < 256:
        _shift_out(state, data)
        state["range"] <<= 1
        state["low"] <<= 1


@compiled
def encode_bin(state: np.void, data: np.ndarray, context: int, value: int) -> None:
    """Encode a bin with a context variable."""
    contexts = state["contexts"]
    variable = wide(contexts[context])
    if state["counts"]:
        state["counted"] += BITS[variable ^ value]
        contexts[context] = AFTER_MPS[variable] if value == variable & 1 else AFTER_LPS[variable]
        return
    lps = LPS_RANGE[variable >> 1, (state["range"] >> 6) & 3]
    state["range"] -= lps
    if value == variable & 1:
        contexts[context] = AFTER_MPS[variable]
    else:
        contexts[context] = AFTER_LPS[variable]
        state["low"] += state["range"]
        state["range"] = lps
    _renormalise(state, data)


@compiled
def encode_bypass(state: np.void, data: np.ndarray, value: int, count: int) -> None:
    """Encode the bits of a number without context."""
    if state["counts"]:
        state["counted"] += count
        return
    for shift in range(count - 1, -1, -1):
        state["low"] <<= 1
        if (value >> shift) & 1:
            state["low"] += state["range"]
        if state["low"] >= 1024:
            state["low"] -= 1024
            _put_bit(state, data, 1)
        elif state["low"] < 512:
            _put_bit(state, data, 0)
        else:
            state["low"] -= 512
            state["outstanding"] += 1


@compiled
def encode_terminate(state: np.void, data: np.ndarray, value: int) -> None:
    """Encode a bin before a possible end; a 1 ends the code, with a bit 1 and zeros up to the next byte."""
    state["range"] -= 2
    if not value:
        _renormalise(state, data)
        return
    state["low"] += state["range"]
    state["range"] = 2
    _renormalise(state, data)
    _put_bit(state, data, (state["low"] >> 9) & 1)
    put_bits(state, data, ((state["low"] >> 7) & 3) | 1, 2)
    put_bits(state, data, 0, -state["position"] & 7)
