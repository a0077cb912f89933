"""Filter by a function that is not a network of the registry, and check what it gives."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import shorten
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codecnn.errors import InputError
from codecnn.models.foreign.contract import PLANES, Contract
from codecnn.models.in_loop_filter import Windows, to_tensors
from codecnn.models.rdn.planes import QP_PLANE, make_planes
from codecnn.video.picture import Plane


class Function(Protocol):
    """Compute luma from planes by code or a graph of somebody else's; any error may come out of it."""

    def __call__(self, windows: Windows[Tensor], contract: Contract) -> object:
        """Return luma of windows, (B, H, W) or (B, 1, H, W), in the range of the contract."""

    def macs(self, contract: Contract, size: int) -> float | None:
        """Count the multiply-accumulates for a sample of a window for size x size samples; None if it is not known."""


class ForeignFilter:
    """Filter windows by a foreign function; its luma is rounded and clipped here.

    Every error of the function, and luma of another shape or that is not finite, becomes InputError with its name.
    """

    def __init__(self, name: str, contract: Contract, function: Function) -> None:
        self.name, self.config, self.function = name, contract, function

    def filter_windows(self, windows: Windows[Plane]) -> Plane:
        """Return the filtered luma of windows of one bit depth: (B, H, W), rounded and clipped, in their dtype."""
        margin, peak = self.config.margin, int(windows.peak[0])
        count, height, width = windows.y.shape
        with errors_of(self.name), torch.inference_mode():
            luma = _as_array(self.function(to_tensors(windows), self.config))
        wanted = count, height - 2 * margin, width - 2 * margin
        if luma.shape not in (wanted, (count, 1, *wanted[1:])):
            raise InputError(f"{self.name}: its luma has the shape {luma.shape}, not {wanted}")
        if not np.isfinite(luma).all():
            raise InputError(f"{self.name}: its luma is not finite everywhere")
        scale = peak if self.config.range == "0..1" else 1
        return (luma.reshape(wanted) * scale).round().clip(0, peak).astype(windows.y.dtype)

    def kmac_per_sample(self, size: int = 128) -> float | None:
        """Count thousand multiply-accumulates for a luma sample of a CTU; None if they cannot be counted."""
        try:
            with errors_of(self.name), torch.inference_mode():
                found = self.function.macs(self.config, size)
        except InputError:  # such as of a network that does not take this size
            return None
        return None if found is None else found / 1000


def stacked(windows: Windows[Tensor], contract: Contract) -> Tensor:
    """Return the planes of a contract, (B, P, H, W) float32."""
    planes = make_planes(windows)
    if contract.range == "integers":
        planes = (planes * windows.peak.view(-1, 1, 1, 1)).round()
    planes[:, QP_PLANE] = (windows.qp / contract.qp_over).view(-1, 1, 1)
    return planes[:, [PLANES.index(name) for name in contract.planes]].contiguous()


def _as_array(luma: object) -> NDArray[np.float64]:
    """Return what a function gave as float64; TypeError or ValueError if these are no numbers."""
    if isinstance(luma, Tensor):
        luma = luma.detach().cpu().double().numpy()
    if not isinstance(luma, np.ndarray) or luma.dtype.kind not in "uif":
        raise TypeError(f"it gives {type(luma).__name__}, not a tensor or an array of real numbers")
    return luma.astype(np.float64)


@contextmanager
def errors_of(name: str) -> Iterator[None]:
    """Raise InputError, in one line, for every error of somebody else's code, unless CODECNN_TRACEBACK is set."""
    try:
        yield
    except InputError:  # already has its name and reason
        raise
    except (Exception, SystemExit) as error:
        if os.environ.get("CODECNN_TRACEBACK"):
            raise
        raise InputError(f"{name}: {shorten(f'{type(error).__name__}: {error}', 300)}") from error
