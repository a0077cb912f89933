"""Parse the parameters of sample adaptive offset (H.265 7.3.8.3, 7.4.9.3)."""

import numpy as np

from codecnn.hevc.cabac import charge, decode_bin, decode_bypass
from codecnn.hevc.compiled import compiled, wide
from codecnn.hevc.contexts import SAO_MERGE, SAO_TYPE
from codecnn.hevc.state import FILTERS, Arrays

NOT_MERGED, FROM_LEFT, FROM_ABOVE = 0, 1, 2
BAND, EDGE = 1, 2


@compiled
def parse_sao(state: np.void, data: np.ndarray, arrays: Arrays) -> None:
    """Parse sao() of the current CTU."""
    address, across = state["ctu"], state["ctus_across"]
    ctu = arrays.ctus[address]
    merge = NOT_MERGED
    if may_merge(state, arrays, address % across > 0, 1) and decode_bin(state, data, SAO_MERGE):
        merge = FROM_LEFT
    elif may_merge(state, arrays, address >= across, across) and decode_bin(state, data, SAO_MERGE):
        merge = FROM_ABOVE
    ctu["sao_merge"] = merge
    if merge != NOT_MERGED:
        source = arrays.ctus[address - (1 if merge == FROM_LEFT else across)]
        for component in range(3):
            _copy(source, ctu, component)
    else:
        if state["sao_luma"]:
            _parse_component(state, data, ctu, 0)
        if state["sao_chroma"]:
            _parse_component(state, data, ctu, 1)
            _parse_component(state, data, ctu, 2)
    charge(state, FILTERS)


@compiled
def may_merge(state: np.void, arrays: Arrays, inside: bool, distance: int) -> bool:
    """Tell whether the CTU `distance` addresses before is in the picture, the slice and the tile."""
    if not inside:
        return False
    other = state["ctu"] - distance
    return other >= state["slice_address"] and arrays.ctus[other]["tile"] == arrays.ctus[state["ctu"]]["tile"]


@compiled
def _copy(source: np.void, target: np.void, component: int) -> None:
    target["sao_type"][component] = source["sao_type"][component]
    target["sao_class"][component] = source["sao_class"][component]
    target["sao_band"][component] = source["sao_band"][component]
    for index in range(4):
        target["sao_offset"][component, index] = source["sao_offset"][component, index]


@compiled
def _parse_component(state: np.void, data: np.ndarray, ctu: np.void, component: int) -> None:
    if component < 2:
        kind = 0
        if decode_bin(state, data, SAO_TYPE):
            kind = EDGE if decode_bypass(state, data, 1) else BAND
    else:
        kind = wide(ctu["sao_type"][1])
    ctu["sao_type"][component] = kind
    if kind == 0:
        return
    largest = (1 << (min(state["bit_depth"][min(component, 1)], 10) - 5)) - 1
    offsets = ctu["sao_offset"]
    for index in range(4):
        magnitude = 0
        while magnitude < largest and decode_bypass(state, data, 1):
            magnitude += 1
        offsets[component, index] = magnitude
    if kind == BAND:
        for index in range(4):
            if offsets[component, index] and decode_bypass(state, data, 1):
                offsets[component, index] = -offsets[component, index]
        ctu["sao_band"][component] = decode_bypass(state, data, 5)
        return
    for index in (2, 3):
        offsets[component, index] = -offsets[component, index]
    if component < 2:
        ctu["sao_class"][component] = decode_bypass(state, data, 2)
    else:
        ctu["sao_class"][component] = ctu["sao_class"][1]
