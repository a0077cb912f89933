"""Save and load a network of integers as one safetensors file: weights, biases, shifts and a header."""

import dataclasses
import json
from pathlib import Path

from safetensors.numpy import save as to_bytes

from codecnn.io.files import write_whole
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.integer import IntegerRdn, wiring
from codecnn.models.rdn.integer_conv import IntegerConv
from codecnn.models.weights_header import FILTER_TASK, INTEGER_FORMAT, Notes, header_of, opened

FIELDS = [field.name for field in dataclasses.fields(IntegerConv)]


def save_integers(path: Path, network: IntegerRdn, notes: Notes) -> None:
    """Write a network with its configuration, and notes on how it came about."""
    tensors = {f"{name}.{field}": getattr(conv, field) for name, conv in network.convs.items() for field in FIELDS}
    header = {
        "format": INTEGER_FORMAT,
        "config": json.dumps(dataclasses.asdict(network.config)),
        "notes": json.dumps(notes),
    }
    write_whole(path, to_bytes(tensors, header))


def read_integers(path: Path) -> tuple[IntegerRdn, str, Notes]:
    """Return the network of a file, its task and its notes.

    InputError if the file is damaged, of another kind, or has weights so large that a sum could overflow.
    """
    with opened(path, "numpy") as (file, header):
        if header["format"] != INTEGER_FORMAT:
            raise ValueError(f"format {header['format']!r:.80} holds no integers")
        config, notes = header_of(header, RdnConfig)
        names = wiring(config)
        if wrong := {f"{name}.{field}" for name in names for field in FIELDS} ^ {*file.keys()}:
            raise ValueError(f"{len(wrong)} tensors are missing or too many, such as {min(wrong)}")
        convs = {name: IntegerConv(**{field: file.get_tensor(f"{name}.{field}") for field in FIELDS}) for name in names}
        return IntegerRdn(config, convs), FILTER_TASK, notes
