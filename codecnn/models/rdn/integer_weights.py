"""A network of integers as one safetensors file: weights, biases and shifts, its RdnConfig and notes in the header."""

import dataclasses
import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from codecnn.io.files import write_whole
from codecnn.models import weights
from codecnn.models.rdn.integer import IntegerRdn, wiring
from codecnn.models.rdn.integer_conv import IntegerConv
from codecnn.models.rdn.network import Rdn
from codecnn.models.weights import Notes

FORMAT = "codecnn-rdn-int16-1"
FIELDS = [field.name for field in dataclasses.fields(IntegerConv)]


def save(path: Path, model: IntegerRdn, notes: Notes) -> None:
    """Write the network with its configuration, and notes on how it came about."""
    tensors = {f"{name}.{field}": getattr(conv, field) for name, conv in model.convs.items() for field in FIELDS}
    header = {
        "format": FORMAT,
        "config": json.dumps(dataclasses.asdict(model.config)),
        "notes": json.dumps(notes),
    }
    write_whole(path, to_bytes(tensors, header))


def load(path: Path) -> tuple[IntegerRdn, Notes]:
    """The network and its notes; InputError if the file is none of ours, damaged, or made so that a sum can overflow.

    Nothing in the file is executed.
    """
    with weights.opened(path, FORMAT, "numpy") as (file, config, notes):
        if wrong := {f"{name}.{field}" for name in wiring(config) for field in FIELDS} ^ {*file.keys()}:
            raise ValueError(f"{len(wrong)} tensors are missing or too many, such as {min(wrong)}")
        convs = {
            name: IntegerConv(**{field: file.get_tensor(f"{name}.{field}") for field in FIELDS})
            for name in wiring(config)
        }
        model = IntegerRdn(config, convs)
    return model, notes


def load_filter(path: Path) -> tuple[Rdn | IntegerRdn, Notes]:
    """The network of a weights file of either kind; InputError as load has it."""
    try:
        with safe_open(path, framework="numpy") as file:
            is_integer = (file.metadata() or {}).get("format") == FORMAT
    except (OSError, SafetensorError):
        is_integer = False  # weights.load says what is wrong
    return load(path) if is_integer else weights.load(path)
