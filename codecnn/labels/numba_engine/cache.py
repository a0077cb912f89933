"""Compile kernels for numba's cache on disk, or without it where it cannot be read or written."""

import warnings
from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache

from codecnn.errors import InputWarning


def compile_cached(kernel: Callable[..., None]) -> Callable[..., None]:
    """Return the kernel as numba compiles it with `cache=True`, but a cache that cannot be used is only a warning.

    Without its own folder, `__pycache__` or the home folder numba would raise an error when a module is imported, and a
    full disk or a damaged file would end the first call.
    """
    compiled: Any = njit(nogil=True)(kernel)
    try:
        compiled._cache = _LenientCache(kernel)  # what numba's enable_caching does
    except RuntimeError:  # no folder can be written
        _warn()
    function: Callable[..., None] = compiled
    return function


class _LenientCache(FunctionCache):  # type: ignore[misc]
    """Keep compiled code on disk; where that fails, warn and go on."""

    def load_overload(self, *args: Any) -> Any:  # noqa: ANN401
        try:
            return super().load_overload(*args)
        except Exception:  # a damaged file can raise any
            _warn()
            return None

    def save_overload(self, *args: Any) -> None:  # noqa: ANN401
        try:
            super().save_overload(*args)
        except Exception:  # it unpickles a damaged index as well
            _warn()


def _warn() -> None:
    warnings.warn(
        "numba's cache cannot be used: each process compiles the label engine anew; set NUMBA_CACHE_DIR to a folder "
        "that can be written",
        InputWarning,
        stacklevel=1,  # always from here, so that Python shows it once
    )
