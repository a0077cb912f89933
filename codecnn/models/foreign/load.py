"""Find foreign filters by name: an ONNX file, or module:function in Python."""

import json
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import torch

from codecnn.errors import InputError
from codecnn.io.files import require_file
from codecnn.io.validated import validated
from codecnn.models.foreign.contract import Contract
from codecnn.models.foreign.filter import ForeignFilter, errors_of
from codecnn.models.foreign.onnx_graph import OnnxGraph
from codecnn.models.foreign.python_function import PythonFunction

IN_PYTHON = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def is_foreign(name: str) -> bool:
    """Return whether a name is that of a foreign filter: it ends with .onnx, or is module:function and no file."""
    return name.endswith(".onnx") or (IN_PYTHON.fullmatch(name) is not None and not Path(name).exists())


def read_foreign(name: str, device: torch.device) -> ForeignFilter:
    """Return the foreign filter of a name; InputError in one line for whatever is wrong with it.

    The contract of an ONNX file is JSON in its metadata property `contract`; that of a Python function is its attribute
    `contract`, a dictionary. The fields that it lacks have their defaults. A PyTorch module is moved to the device.
    """
    if name.endswith(".onnx"):
        require_file(Path(name))
        with errors_of(name):
            graph = OnnxGraph(Path(name))
            fields = json.loads(graph.contract)
        return ForeignFilter(name, validated(Contract, fields, f"{name}: contract"), graph)
    module_name, function_name = name.split(":")
    function = getattr(imported(name), function_name, None)
    if not callable(function):
        raise InputError(f"{name}: the module {module_name} has no function {function_name}")
    fields = getattr(function, "contract", {})
    return ForeignFilter(name, validated(Contract, fields, f"{name}: contract"), PythonFunction(function, device))


def imported(name: str) -> ModuleType:
    """Return the module of module:function, imported."""
    with errors_of(name):
        return import_module(name.split(":")[0])
