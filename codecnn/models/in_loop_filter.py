"""Define the input and output of in-loop filters: the contract between networks, training and use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from codecnn.models.network import Network
from codecnn.video.picture import Plane

Input = Literal["baseline", "both", "unfiltered"]
A = TypeVar("A")  # Tensor, or an array of numpy


class Windows(NamedTuple, Generic[A]):
    """Hold B windows with a margin around the samples to filter, of one chroma format; samples are integers."""

    y: A  # (B, H, W): the picture that is filtered
    u: A  # such as (B, ceil(H / 2), ceil(W / 2)) at 4:2:0; (B, 0, 0) at 4:0:0
    v: A
    unfiltered_y: A | None  # (B, H, W), only for networks with the input "both"
    qp: A  # (B,)
    peak: A  # (B,): 2^bit_depth - 1
    unfiltered_u: A | None = None  # as u, only for chroma filters with the input "both"; others may be given it
    unfiltered_v: A | None = None

    def rows(self, chosen: slice) -> Windows[A]:
        """Return some of the windows."""
        fields: Iterable[Any] = self
        return Windows(*(None if field is None else field[chosen] for field in fields))


def to_tensors(windows: Windows[Plane], device: torch.device | None = None) -> Windows[Tensor]:
    """Return windows of numpy as tensors on a device."""
    fields: Iterable[Any] = windows
    tensors: Iterable[Any] = (None if field is None else torch.from_numpy(field).to(device) for field in fields)
    return Windows(*tensors)


class FilterConfig(Protocol):
    """Say which input a filter needs; every configuration of an in-loop filter has these properties."""

    @property
    def input(self) -> Input:
        """Return the picture that is filtered; with "both" the baseline, and unfiltered luma is an extra input."""

    @property
    def margin(self) -> int:
        """Return the luma samples around the output on each side; even."""

    @property
    def reach(self) -> int | None:
        """Return how far, in luma samples, zero padding at an edge changes the output; None if that is not known."""


class FilterNetwork(Network):
    """Serve as the base of in-loop filters: `forward` takes Windows and gives luma, (B, R, H, W), about 0..1.

    H and W are the height and width of the windows without the margin. R is 1 for most networks. The first picture is
    the filtered luma; an encoder may weigh it with the others (docs/guided.md).
    """

    config: FilterConfig


class WindowFilter(Protocol):
    """Filter windows by other means than a FilterNetwork, such as in integers or by somebody else's code."""

    @property
    def config(self) -> FilterConfig:
        """Return what it needs as input."""

    def filter_windows(self, windows: Windows[Plane]) -> Plane:
        """Return the filtered luma of windows, (B, H, W), rounded and clipped, in the type of the windows."""


class IntegerFilter(WindowFilter, Protocol):
    """Filter in integers: the same picture on every machine. It has the configuration of the network it is made of."""

    headroom: int  # how many times the largest feature of the calibration its numbers can hold


AnyFilter = FilterNetwork | WindowFilter
