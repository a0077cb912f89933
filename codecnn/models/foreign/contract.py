"""Say what a filter that is not a network of the registry takes and gives."""

from dataclasses import dataclass
from typing import Literal

from codecnn.models.in_loop_filter import Input

PLANES = ("y", "u", "v", "qp", "unfiltered_y")  # in the order of make_planes


@dataclass(frozen=True)
class Contract:
    """Say what a foreign filter takes and gives; ValueError if the fields do not fit together.

    Args:
        input: the picture that is filtered, of which y, u and v are; with "both" it is the baseline.
        planes: the planes of the input in their order; u and v have the size of luma, qp is the same everywhere, and
            unfiltered_y needs the input "both".
        margin: samples around the output, on each side, that the filter takes and does not give back; even.
        reach: how far, in samples, the edges of the input change the output. Not given: the whole picture is filtered
            as one piece. Otherwise a large picture is filtered in parts, with the same result.
        way: how the filter is meant to be used: CTU by CTU, or on whole pictures.
        range: of samples: 0..1, which is divided by 2^bit_depth - 1, or integers; the output has the same.
        qp_over: what the plane of the QP is divided by.
    """

    input: Input = "baseline"
    planes: tuple[Literal["y", "u", "v", "qp", "unfiltered_y"], ...] = ("y",)
    margin: int = 0
    reach: int | None = None
    way: Literal["ctu", "picture"] = "ctu"
    range: Literal["0..1", "integers"] = "0..1"
    qp_over: float = 1.0

    def __post_init__(self) -> None:
        if not self.planes:
            raise ValueError("planes must name one plane or more")
        if "unfiltered_y" in self.planes and self.input != "both":
            raise ValueError('the plane unfiltered_y needs the input "both"')
        if not 0 <= self.margin <= 128 or self.margin % 2:
            raise ValueError(f"margin must be even and from 0 to 128, not {self.margin!s:.80}")
        if self.reach is not None and not 0 <= self.reach <= 1 << 14:
            raise ValueError(f"reach must be from 0 to {1 << 14}, not {self.reach!s:.80}")
        if not 0 < self.qp_over < float("inf"):
            raise ValueError(f"qp_over must be above 0, not {self.qp_over}")
