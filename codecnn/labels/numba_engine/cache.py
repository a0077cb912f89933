"""Compile kernels for numba's cache on disk, or without it where it cannot be read or written."""

import hashlib
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit
from numba.core.caching import FunctionCache

from codecnn.errors import InputWarning

Result = TypeVar("Result")


def compile_cached(
    kernel: Callable[..., Result], sources: str = "", error_model: str = "python"
) -> Callable[..., Result]:
    """Return the kernel as numba compiles it with `cache=True`, but a cache that cannot be used is only a warning.

    sources: the text of the modules whose functions the kernel calls; when it changes, the kernel is compiled again.
    Numba itself looks only at the file of the kernel. error_model: "numpy" leaves out checks for division by 0.
    Without its own folder, `__pycache__` or the home folder numba would raise an error when a module is imported, and a
    full disk or a damaged file would end the first call.
    """
    compiled: Any = njit(nogil=True, error_model=error_model)(kernel)
    try:
        compiled._cache = _LenientCache(kernel, sources)  # what numba's enable_caching does
    except RuntimeError:  # no folder can be written
        _warn()
    function: Callable[..., Result] = compiled
    return function


class _LenientCache(FunctionCache):  # type: ignore[misc]
    """Keep compiled code on disk; where that fails, warn and go on."""

    def __init__(self, kernel: Callable[..., Any], sources: str) -> None:
        self._sources = hashlib.sha256(sources.encode()).hexdigest()
        super().__init__(kernel)

    def _index_key(self, *args: Any) -> Any:  # noqa: ANN401
        return *super()._index_key(*args), self._sources

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
        "numba's cache cannot be used: each process compiles its kernels anew; set NUMBA_CACHE_DIR to a folder "
        "that can be written",
        InputWarning,
        stacklevel=1,  # always from here, so that Python shows it once
    )
