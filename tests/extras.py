"""What tests of an optional extra import: they are skipped without it, but not in `make test`, which installs all."""

import os
from importlib import import_module
from typing import Any

import pytest

ALL_INSTALLED = "CODECNN_ALL_EXTRAS"  # the environment variable that `make test` sets


def extra(module: str) -> Any:  # noqa: ANN401
    """Import a module of an extra, or skip the test; ImportError where all extras should be there."""
    return import_module(module) if os.environ.get(ALL_INSTALLED) else pytest.importorskip(module)
