"""Read the sets of reference pictures (H.265 7.3.7, 7.4.8): intra slices have them for the pictures after them."""

from collections.abc import Sequence
from typing import TypeAlias

from codecnn.hevc.bit_reader import BitReader
from codecnn.hevc.errors import damaged

MOST = 16  # pictures in a set
ReferenceSet: TypeAlias = tuple[
    int, ...
]  # differences of picture order count: the negative ones, nearest first, then the others


def parse_reference_set(bits: BitReader, index: int, known: Sequence[ReferenceSet], in_slice: bool) -> ReferenceSet:
    """Read st_ref_pic_set(index), where `known` are the sets of the SPS before it."""
    if index > 0 and bits.flag():  # inter_ref_pic_set_prediction_flag
        distance = bits.ue(index - 1, "delta_idx_minus1") + 1 if in_slice else 1
        negative = bits.flag()
        shift = (bits.ue((1 << 15) - 1, "abs_delta_rps_minus1") + 1) * (-1 if negative else 1)
        base = known[index - distance]
        # A picture stays unless neither used_by_curr_pic_flag nor use_delta_flag is set; the last is the base itself.
        kept = [delta + shift for delta in (*base, 0) if bits.flag() or bits.flag()]
        return _checked(sorted((d for d in kept if d < 0), reverse=True), sorted(d for d in kept if d > 0))
    counts = bits.ue(MOST, "num_negative_pics"), bits.ue(MOST, "num_positive_pics")
    sides = []
    for count, sign in zip(counts, (-1, 1), strict=True):
        deltas, delta = [], 0
        for _ in range(count):
            delta += sign * (bits.ue((1 << 15) - 1, "delta_poc_minus1") + 1)
            bits.flag()  # used_by_curr_pic_flag
            deltas.append(delta)
        sides.append(deltas)
    return _checked(*sides)


def _checked(negative: list[int], positive: list[int]) -> ReferenceSet:
    if len(negative) + len(positive) > MOST:
        raise damaged("a set of reference pictures is too long")
    return (*negative, *positive)
