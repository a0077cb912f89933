"""Provide the public names of the toolkit; `__init__.pyi` lists them, and each is loaded at its first use (PEP 562)."""

from importlib.metadata import version
from typing import Any

import lazy_loader

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a name may stand for anything
    """Return a public name, or the version of the installed package."""
    return version("codecnn") if name == "__version__" else _load(name)
