"""Compile the functions of this package."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numba.types import unliteral

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function when another one that is compiled calls it.

    Numba would compile it once more for each constant that it is called with, and for these all that it calls itself:
    encoder and reader would take far longer to compile, and would hardly be faster for it.
    """
    dispatcher: Any = njit(nogil=True, error_model="numpy")(function)
    find = getattr(dispatcher, "get_call_template", None)
    if find is not None:  # not where compilation is off
        dispatcher.get_call_template = lambda args, kws: find(tuple(map(unliteral, args)), kws)
    compiled_function: Function = dispatcher
    return compiled_function


wide: Any = np.int64  # what small integers of arrays are converted to: in plain Python their types can overflow
