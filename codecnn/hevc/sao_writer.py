"""Write the parameters of sample adaptive offset, as `codecnn.hevc.sao` parses them (H.265 7.3.8.3)."""

import numpy as np

from codecnn.hevc.cabac_encoder import encode_bin, encode_bypass
from codecnn.hevc.compiled import compiled, wide
from codecnn.hevc.contexts import SAO_MERGE, SAO_TYPE
from codecnn.hevc.sao import BAND, FROM_ABOVE, FROM_LEFT, NOT_MERGED, may_merge
from codecnn.hevc.state import Arrays


@compiled
def write_sao(state: np.void, data: np.ndarray, arrays: Arrays) -> None:
    """Write sao() of the current CTU."""
    address, across = state["ctu"], state["ctus_across"]
    ctu = arrays.ctus[address]
    merge = wide(ctu["sao_merge"])
    if may_merge(state, arrays, address % across > 0, 1):
        encode_bin(state, data, SAO_MERGE, 1 if merge == FROM_LEFT else 0)
    if merge != FROM_LEFT and may_merge(state, arrays, address >= across, across):
        encode_bin(state, data, SAO_MERGE, 1 if merge == FROM_ABOVE else 0)
    if merge != NOT_MERGED:
        return
    for component in range(3):
        if state["sao_chroma"] if component else state["sao_luma"]:
            _write_component(state, data, ctu, component)


@compiled
def _write_component(state: np.void, data: np.ndarray, ctu: np.void, component: int) -> None:
    kind, offsets = wide(ctu["sao_type"][component]), ctu["sao_offset"]
    if component < 2:
        encode_bin(state, data, SAO_TYPE, 1 if kind else 0)
        if kind:
            encode_bypass(state, data, 0 if kind == BAND else 1, 1)
    if kind == 0:
        return
    largest = (1 << (min(state["bit_depth"][min(component, 1)], 10) - 5)) - 1
    for index in range(4):
        magnitude = abs(wide(offsets[component, index]))
        for _ in range(magnitude):
            encode_bypass(state, data, 1, 1)
        if magnitude < largest:
            encode_bypass(state, data, 0, 1)
    if kind == BAND:
        for index in range(4):
            if offsets[component, index]:
                encode_bypass(state, data, 1 if offsets[component, index] < 0 else 0, 1)
        encode_bypass(state, data, wide(ctu["sao_band"][component]), 5)
    elif component < 2:
        encode_bypass(state, data, wide(ctu["sao_class"][component]), 2)
