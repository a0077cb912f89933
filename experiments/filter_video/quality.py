"""Measure the quality of frames before and after a filter, against the original."""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import fmean

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.metrics import psnr
from codecnn.video.clip import Clip
from codecnn.video.picture import Picture


@dataclass
class Quality:
    """Collect the PSNR of frames before and after, plane by plane, at the bit depth of the decoder."""

    originals: Iterator[Picture]
    before: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    after: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    missing: int = 0  # frames after the end of the original

    @classmethod
    def against(cls, reference: Clip) -> "Quality":
        """Begin to compare with an original."""
        return cls(reference.read())

    def add(self, baseline: Picture, filtered: Picture) -> None:
        """Compare the next frame."""
        if (original := next(self.originals, None)) is None:
            self.missing += 1
            return
        original = convert_bit_depth(original, baseline.bit_depth)
        for name, *planes in zip("YUV", original.planes, baseline.planes, filtered.planes, strict=False):
            for collected, plane in zip((self.before, self.after), planes[1:], strict=True):
                collected[name].append(psnr(planes[0], plane, baseline.bit_depth))

    def described(self) -> str:
        """Return the means over frames in words; frames that are the original before or after are left out."""
        parts, left_out = [], 0
        for name, before in self.before.items():
            pairs = [pair for pair in zip(before, self.after[name], strict=True) if math.inf not in pair]
            left_out = max(left_out, len(before) - len(pairs))
            if pairs:
                first, second = (fmean(values) for values in zip(*pairs, strict=True))
                parts.append(f"PSNR-{name} {first:.3f} -> {second:.3f} dB ({second - first:+.3f})")
        parts += [f"{left_out} frames without error left out"] * bool(left_out)
        parts += [f"{self.missing} frames are not in the reference"] * bool(self.missing)
        return ", ".join(parts)
