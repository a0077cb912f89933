"""Compile the functions of this package."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numba.core.dispatcher import Dispatcher
from numba.core.types import unliteral

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function when another one that is compiled calls it.

    Numba would compile it once more for each constant that it is called with, and for these all that it calls itself:
    encoder and reader would take twice the time to compile, and hardly faster for it.
    """
    dispatcher: Any = njit(nogil=True, error_model="numpy")(function)
    if isinstance(dispatcher, Dispatcher):  # and not the function, where compilation is off
        find = dispatcher.get_call_template
        dispatcher.get_call_template = lambda args, kws: find(
            tuple(map(unliteral, args)), {name: unliteral(kind) for name, kind in kws.items()}
        )
    return dispatcher


wide: Any = np.int64  # what small integers of arrays are converted to: in plain Python their types can overflow
