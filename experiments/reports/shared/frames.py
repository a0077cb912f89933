"""Read the frames of shards, and the bits of those that are in the means."""

from collections.abc import Sequence
from typing import NamedTuple

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import SIGNALS
from codecnn.video.picture import Picture, Plane

EXACT = "every frame is coded or filtered without error at one of the QPs"  # why a clip has no figures
NO_BITS = "the bits of the encoding without in-loop filters are not recorded"


class FrameSignals(NamedTuple):
    """Hold the luma of an original, in the bit depth of the decoder, and the decoded pictures."""

    original: Plane
    baseline: Picture
    unfiltered: Picture


def read_frame(shard: Shard, index: int) -> FrameSignals:
    """Return a frame of a shard, with the original in the bit depth of the decoder, which may be larger than its own.

    A sample value of the original is then multiplied by a power of 2, as an encoder with a larger internal bit depth
    does.
    """
    original, baseline, unfiltered = (shard.picture(signal, index) for signal in SIGNALS)
    return FrameSignals(convert_bit_depth(original, baseline.bit_depth).y, baseline, unfiltered)


def bits_of(shard: Shard, kept: Sequence[int]) -> tuple[int, int | None]:
    """Return the bits of some frames of a shard, and those of the stream that their unfiltered pictures are of.

    None where the second number is not known.
    """
    unfiltered = shard.unfiltered_bits
    return int(shard.bits[kept].sum()), None if unfiltered is None else int(unfiltered[kept].sum())
