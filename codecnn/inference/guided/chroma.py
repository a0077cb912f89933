"""Weigh the two residuals of a chroma filter in every unit of a picture, each plane by itself."""

from codecnn.inference.chroma import restore_chroma
from codecnn.inference.filtering import Conditions
from codecnn.inference.guided.guide import Guided, filtered_picture, weigh
from codecnn.models.chroma_rdn import ChromaRdn
from codecnn.video.picture import Picture


def guide_chroma(
    network: ChromaRdn,
    original: Picture,
    baseline: Picture,
    unfiltered: Picture,
    conditions: Conditions,
    unit: int,
    multiplier: float,
) -> tuple[Guided, Guided]:
    """Filter U and V of a picture at 4:2:0, each with the weights of its residual that suit its units, or with none.

    original: in the bit depth of the baseline. unit: its side in luma samples. See `weigh`.
    """
    restored = restore_chroma(network, baseline, unfiltered, conditions).astype(float)
    picture = filtered_picture(network.config, baseline, unfiltered)
    u, v = (
        weigh(before, plane, (filtered - plane)[None], picture.bit_depth, unit // 2, multiplier)
        for before, plane, filtered in zip(original.planes[1:], picture.planes[1:], restored, strict=True)
    )
    return u, v
