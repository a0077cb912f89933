"""Number the context variables of intra slices, and initialise them (H.265 9.3.2.2)."""

import numpy as np

from codecnn.hevc.compiled import compiled

# initValue of every context, for initType 0 (tables 9-5 to 9-37).
_VALUES = {
    "sao_merge": (153,),
    "sao_type": (200,),
    "split_cu": (139, 141, 157),
    "bypass": (154,),
    "part_mode": (184,),
    "is_mpm": (184,),
    "chroma_mode": (63,),
    "split_transform": (153, 138, 138),
    "cbf_luma": (111, 141),
    "cbf_chroma": (94, 138, 182, 154),
    "qp_delta": (154, 154),
    "transform_skip": (139, 139),  # luma, chroma
    "last_x": (110, 110, 124, 125, 140, 153, 125, 127, 140, 109, 111, 143, 127, 111, 79, 108, 123, 63),
    "last_y": (110, 110, 124, 125, 140, 153, 125, 127, 140, 109, 111, 143, 127, 111, 79, 108, 123, 63),
    "coded_group": (91, 171, 134, 141),  # two of luma, two of chroma
    "significant": (  # 27 of luma, 15 of chroma
        111, 111, 125, 110, 110, 94, 124, 108, 124, 107, 125, 141, 179, 153, 125, 107, 125, 141, 179, 153, 125, 107,
        125, 141, 179, 153, 125, 140, 139, 182, 182, 152, 136, 152, 136, 153, 136, 139, 111, 136, 139, 111,
    ),
    "greater_1": (  # 16 of luma, 8 of chroma
        140, 92, 137, 138, 140, 152, 138, 139, 153, 74, 149, 92, 139, 107, 122, 152, 140, 179, 166, 182, 140, 227,
        122, 197,
    ),
    "greater_2": (138, 153, 136, 167, 152, 152),  # four of luma, two of chroma
}  # fmt: skip
_FIRST = dict(zip(_VALUES, np.cumsum([0, *map(len, _VALUES.values())]).tolist(), strict=False))
INIT_VALUES = np.array([value for values in _VALUES.values() for value in values])
CONTEXTS = INIT_VALUES.size

SAO_MERGE = _FIRST["sao_merge"]
SAO_TYPE = _FIRST["sao_type"]
SPLIT_CU = _FIRST["split_cu"]
BYPASS = _FIRST["bypass"]
PART_MODE = _FIRST["part_mode"]
IS_MPM = _FIRST["is_mpm"]
CHROMA_MODE = _FIRST["chroma_mode"]
SPLIT_TRANSFORM = _FIRST["split_transform"]
CBF_LUMA = _FIRST["cbf_luma"]
CBF_CHROMA = _FIRST["cbf_chroma"]
QP_DELTA = _FIRST["qp_delta"]
TRANSFORM_SKIP = _FIRST["transform_skip"]
LAST_X = _FIRST["last_x"]
LAST_Y = _FIRST["last_y"]
CODED_GROUP = _FIRST["coded_group"]
SIGNIFICANT = _FIRST["significant"]
GREATER_1 = _FIRST["greater_1"]
GREATER_2 = _FIRST["greater_2"]


@compiled
def initialise_contexts(contexts: np.ndarray, qp: int) -> None:
    """Set the context variables, each 2 * pStateIdx + valMps, for a slice of this QP."""
    qp = min(max(qp, 0), 51)
    for index in range(CONTEXTS):
        value = INIT_VALUES[index]
        slope, offset = (value >> 4) * 5 - 45, ((value & 15) << 3) - 16
        state = min(max(((slope * qp) >> 4) + offset, 1), 126)
        contexts[index] = 2 * (state - 64) + 1 if state > 63 else 2 * (63 - state)
